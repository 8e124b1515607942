#include "prune/who_reads.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string_view>

namespace bonsai::prune {
namespace {

// For every place of `shape`, row by row, a place elsewhere: `start` and, along each axis, `steps` further.
std::vector<std::int64_t> places(const Shape& shape, const Shape& steps, std::int64_t start = 0) {
  std::vector<std::int64_t> row{start};
  for (int a = 0; a < shape.rank(); ++a) {
    std::vector<std::int64_t> finer;
    finer.reserve(row.size() * static_cast<std::size_t>(shape[a]));
    for (const std::int64_t p : row)
      for (std::int64_t i = 0; i < shape[a]; ++i) finer.push_back(p + i * steps[a]);
    row = std::move(finer);
  }
  return row;
}

// The steps of x's axes as y's places meet them: 0 where x stretches to y's shape (they are aligned at the last axis).
Shape stretched(const Shape& x, const Shape& y) {
  const Shape strides = contiguous_strides(x);
  Shape steps(y);
  for (int a = 0; a < y.rank(); ++a) {
    const int b = a - (y.rank() - x.rank());
    steps[a] = b < 0 || x[b] == 1 ? 0 : strides[b];
  }
  return steps;
}

// Each place of x is read where its one place in y is.
Flags pull(const Shape& x, const Shape& steps_in_y, const Flags& of_y, std::int64_t start = 0) {
  Flags of_x;
  for (const std::int64_t p : places(x, steps_in_y, start)) of_x.push_back(of_y[p]);
  return of_x;
}

// Each place of y that is read reads one place of x.
Flags push(const Tensor& x, const Shape& y, const Shape& steps_in_x, const Flags& of_y, std::int64_t start = 0) {
  Flags of_x(x.numel(), 0);
  std::size_t i = 0;
  for (const std::int64_t p : places(y, steps_in_x, start)) of_x[p] |= of_y[i++];
  return of_x;
}

Flags through_numbers(const Tensor& y, std::size_t k, Flags of_y, bool other_is_constant) {
  const Tensors& inputs = y.node()->inputs;
  if (other_is_constant && is(y, {"mul"})) {
    const Tensor& factor = inputs[1 - k];
    std::size_t i = 0;
    for (const std::int64_t p : places(y.shape(), stretched(factor.shape(), y.shape()))) of_y[i++] &= factor.at(p) != 0;
  }
  return push(inputs[k], y.shape(), stretched(inputs[k].shape(), y.shape()), of_y);
}

Flags by_channel(const Tensor& y, const Tensor& x, const Flags& of_y) {  // (n, c, height, width) both
  const std::int64_t planes = x.size(0) * x.size(1), of_plane = planes == 0 ? 0 : y.numel() / planes;
  Flags of_x;
  for (std::int64_t p = 0; p < planes; ++p) {
    const bool any = std::find(&of_y[p * of_plane], &of_y[p * of_plane] + of_plane, 1) != &of_y[p * of_plane] + of_plane;
    of_x.insert(of_x.end(), x.numel() / planes, any);
  }
  return of_x;
}

}  // namespace

bool is(const Tensor& y, std::initializer_list<std::string_view> names) {
  return y.node() && std::find(names.begin(), names.end(), y.node()->op) != names.end();
}

std::vector<Tensor> outputs_first(const Tensor& y) {
  std::vector<Tensor> order;
  std::set<const Node*> seen;
  std::vector<std::pair<Tensor, std::size_t>> path{{y, 0}};  // and which of its inputs is next
  while (!path.empty()) {
    auto& [t, next] = path.back();
    if (next == 0 && (!t.node() || !seen.insert(t.node()).second))
      path.pop_back();
    else if (next < t.node()->inputs.size()) {
      const Tensor input = t.node()->inputs[next++];
      if (input.defined()) path.emplace_back(input, 0);
    } else {
      order.push_back(t);
      path.pop_back();
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

Flags who_reads(const Tensor& y, std::size_t k, const Flags& of_y, bool other_is_constant) {
  const Node& node = *y.node();
  const Tensor& x = node.inputs[k];
  const Shape in_x = contiguous_strides(x.shape()), in_y = contiguous_strides(y.shape());
  if (is(y, {"reshape"})) return of_y;
  if (is(y, {"relu", "tanh", "sigmoid", "softplus", "erf", "neg", "abs", "sign", "exp", "log", "sqrt", "reciprocal", "clamp", "cast", "add", "sub", "mul", "div",
             "pow", "maximum", "gate", "where", "broadcast_to"}))
    return through_numbers(y, k, of_y, other_is_constant);
  if (is(y, {"max_pool2d", "average_pool2d"}) && k == 0) return by_channel(y, x, of_y);
  if (is(y, {"permute"})) {
    Shape steps(y.shape());
    for (int a = 0; a < y.rank(); ++a) steps[a] = in_x[static_cast<int>(std::get<Axes>(node.attributes).axes[a])];
    return push(x, y.shape(), steps, of_y);
  }
  if (is(y, {"to_columns"})) return pull(x.shape(), {in_y[1], in_y[0]}, of_y);
  if (is(y, {"to_rows"})) return push(x, y.shape(), {in_x[1], in_x[0]}, of_y);
  if (is(y, {"sum"})) return pull(x.shape(), stretched(y.shape(), x.shape()), of_y);  // (the reduced axes are still there, with size 1)
  if (is(y, {"slice", "embed"})) {
    const Range& r = std::get<Range>(node.attributes);
    return is(y, {"slice"}) ? push(x, y.shape(), in_x, of_y, r.begin * in_x[r.axis]) : pull(x.shape(), in_y, of_y, r.begin * in_y[r.axis]);
  }
  if (is(y, {"concat"})) {
    const int axis = std::get<Axis>(node.attributes).axis;
    std::int64_t before = 0;
    for (std::size_t i = 0; i < k; ++i) before += node.inputs[i].size(axis);
    return pull(x.shape(), in_y, of_y, before * in_y[axis]);
  }
  return Flags(x.numel(), 1);
}

}  // namespace bonsai::prune
