// What each operation does with the labels of trace.h: one rule a kind of operation.
#include <algorithm>
#include <numeric>

#include "prune/structure/trace.h"

namespace bonsai::prune {

std::map<std::string, Rule>& rules();

namespace {

constexpr const char* why = "the product reads it from what stays: the network's input, or a constant";

const Tensor& input(const Tensor& y, int i) { return y.node()->inputs[i]; }

template <class A>
const A& attribute(const Tensor& y) { return std::get<A>(y.node()->attributes); }

AxisLabels same(Trace& t, const Tensor& y) { return t.of(input(y, 0)); }  // y's places are those of its first input

// All axes but one keep their labels; along that one, what is done depends on all of its places or on their numbers.
AxisLabels fixed_along(Trace& t, const Tensor& y, int axis, const char* why) {
  AxisLabels labels = t.of(input(y, 0));
  t.fix(labels[axis], why);
  return labels;
}

// Places in a row, from the axes of a block: the labels of the one axis that has any.
std::vector<Label> merged(Trace& t, const AxisLabels& labels, const Shape& shape, int begin, int end) {
  std::int64_t size = 1;
  int labelled = 0, which = -1;
  for (int a = begin; a < end; ++a) {
    size *= shape[a];
    if (!labels[a].empty()) ++labelled, which = a;
  }
  if (labelled == 0) return {};
  if (labelled > 1)
    for (int a = begin; a < end; ++a) t.fix(labels[a], "reshape mixes it with another channel axis");
  std::int64_t inner = 1;
  for (int a = which + 1; a < end; ++a) inner *= shape[a];
  std::vector<Label> row(size);
  for (std::int64_t i = 0; i < size; ++i) row[i] = labels[which][i / inner % shape[which]];
  return row;
}

// The opposite: the axis along which alone the labels change has them; if there is none, the first one, and what lies behind one of its places
// goes together from now on (the channels of a head).
void split(Trace& t, const std::vector<Label>& row, const Shape& shape, int begin, int end, AxisLabels& labels) {
  if (row.empty()) return;
  std::int64_t inner = static_cast<std::int64_t>(row.size());
  int first = begin;
  while (first < end - 1 && shape[first] == 1) ++first;
  for (int a = begin; a < end; ++a) {
    inner /= shape[a];
    if (shape[a] == 1 && row.size() > 1) continue;
    std::vector<Label> along(shape[a]);
    for (std::int64_t i = 0; i < shape[a]; ++i) along[i] = row[i * inner];
    bool alone = true;
    for (std::size_t i = 0; i < row.size() && alone; ++i) {
      const Label l = along[static_cast<std::int64_t>(i) / inner % shape[a]];
      alone = (l == no_channel) == (row[i] == no_channel) && (l == no_channel || t.root(l) == t.root(row[i]));
    }
    if (alone) {
      labels[a] = std::move(along);
      return;
    }
  }
  inner = static_cast<std::int64_t>(row.size()) / shape[first];
  for (std::int64_t i = 0; i < shape[first]; ++i) {
    for (std::int64_t j = 1; j < inner; ++j) t.tie(row[i * inner], row[i * inner + j], "reshape cuts its axis into parts");
    labels[first].push_back(row[i * inner]);
  }
}

AxisLabels reshaped(Trace& t, const Tensor& y) {
  const Tensor& x = input(y, 0);
  const AxisLabels from = t.of(x);
  AxisLabels labels(y.rank());
  int i = 0, j = 0;
  while (i < x.rank() || j < y.rank()) {  // the smallest blocks of axes, of x and of y, that hold as many places
    const int a = i, b = j;
    std::int64_t m = i < x.rank() ? x.shape()[i++] : 1, n = j < y.rank() ? y.shape()[j++] : 1;
    while (m != n) {
      if (m < n) m *= x.shape()[i++];
      else n *= y.shape()[j++];
    }
    while (i < x.rank() && x.shape()[i] == 1 && (j == y.rank() || y.shape()[j] != 1)) ++i;
    while (j < y.rank() && y.shape()[j] == 1 && (i == x.rank() || x.shape()[i] != 1)) ++j;
    split(t, merged(t, from, x.shape(), a, i), y.shape(), b, j, labels);
  }
  return labels;
}

AxisLabels permuted(Trace& t, const Tensor& y) {
  AxisLabels labels;
  for (const std::int64_t a : attribute<Axes>(y).axes) labels.push_back(t.of(input(y, 0))[a]);
  return labels;
}

AxisLabels reduced(Trace& t, const Tensor& y) {  // (the reduced axes are still there, with size 1)
  AxisLabels labels = t.of(input(y, 0));
  for (const std::int64_t a : attribute<Axes>(y).axes) {
    t.fix(labels[a], "a reduction runs over it");
    labels[a].clear();
  }
  return labels;
}

AxisLabels joined(Trace& t, const Tensor& y) {
  const int axis = attribute<Axis>(y).axis;
  AxisLabels labels = t.of(input(y, 0));
  bool any = false;
  for (const Tensor& x : y.node()->inputs) any |= !t.of(x)[axis].empty();
  labels[axis].clear();
  for (const Tensor& x : y.node()->inputs) {
    const AxisLabels more = t.of(x);
    for (int a = 0; a < y.rank(); ++a)
      if (a != axis) t.tie(labels[a], more[a], "concat sets it beside something that stays");
    if (!any) continue;
    if (more[axis].empty()) labels[axis].insert(labels[axis].end(), x.size(axis), no_channel);
    else labels[axis].insert(labels[axis].end(), more[axis].begin(), more[axis].end());
  }
  return labels;
}

AxisLabels ranged(Trace& t, const Tensor& y) {  // slice and embed
  const int axis = attribute<Range>(y).axis;
  AxisLabels labels = fixed_along(t, y, axis, "slice and embed take it by number");
  labels[axis].clear();
  return labels;
}

// Indices that come in a buffer are cut and renumbered with what they point at, so channels may be moved about and padded.
AxisLabels selected(Trace& t, const Tensor& y) {
  const int axis = attribute<Axis>(y).axis;
  const Tensor& indices = input(y, 1);
  AxisLabels labels = t.of(input(y, 0));
  const std::vector<Label> from = labels[axis];
  if (from.empty()) return labels;
  if (!t.knows(indices)) {
    t.fix(from, "it is taken by number");
    labels[axis].clear();
    return labels;
  }
  labels[axis].clear();
  for (const std::int64_t i : indices.data<std::int64_t>()) labels[axis].push_back(from[i]);
  t.tie(t.of(indices)[0], labels[axis], "it is taken by number");
  t.points({indices, input(y, 0), axis});
  return labels;
}

AxisLabels scattered(Trace& t, const Tensor& y) {
  const int axis = attribute<Axis>(y).axis;
  const Tensor& indices = input(y, 1);
  AxisLabels labels = t.of(input(y, 0));
  const std::vector<Label> from = labels[axis];
  if (from.empty() || !t.knows(indices)) {
    t.fix(from, "it is put by number");
    labels[axis].clear();
    return labels;
  }
  labels[axis] = t.fresh({y.size(axis)})[0];
  t.tie(t.of(indices)[0], from, "it is put by number");
  t.points({indices, y, axis});
  for (std::int64_t i = 0; i < indices.numel(); ++i) t.tie(labels[axis][indices.data<std::int64_t>()[i]], from[i], "it is put by number");
  return labels;
}

AxisLabels fixed_everywhere(Trace& t, const Tensor& y) {
  for (const Tensor& x : y.node()->inputs)
    if (x.defined())
      for (const auto& axis : t.of(x)) t.fix(axis, "gather and scatter take it by number");
  return AxisLabels(y.rank());
}

AxisLabels along_rows(Trace& t, const Tensor& y) { return fixed_along(t, y, input(y, 0).rank() - 1, "softmax runs over it"); }

AxisLabels layer_normalized(Trace& t, const Tensor& y) {
  const AxisLabels labels = fixed_along(t, y, y.rank() - 1, "LayerNorm normalises over it");
  for (int i : {1, 2}) t.tie(t.of(input(y, i))[0], labels[y.rank() - 1], "LayerNorm normalises over it");
  return labels;
}

AxisLabels batch_normalized(Trace& t, const Tensor& y) {
  AxisLabels labels = t.of(input(y, 0));
  for (int i : {1, 2}) t.tie(labels[1], t.of(input(y, i))[0], "BatchNorm's other side stays");
  if (y.node()->inputs.size() == 5) {
    const AxisLabels other = t.of(input(y, 4));
    for (int a = 0; a < y.rank(); ++a) t.tie(labels[a], other[a], "the shortcut's other side stays");
  }
  return labels;
}

AxisLabels pooled(Trace& t, const Tensor& y) {
  AxisLabels labels = t.of(input(y, 0));
  for (int a : {2, 3}) {
    t.fix(labels[a], "a window moves over it");
    labels[a].clear();
  }
  return labels;
}

Reading reading(const Tensor& y, int x, int axis, int weight, int weight_axis, int bias) {
  Reading r{y, input(y, x), axis, leaf_below(input(y, weight)), {}, weight_axis};
  if (bias < static_cast<int>(y.node()->inputs.size())) r.bias = leaf_below(input(y, bias));
  return r;
}

// y (n, out) = x (n, in) wᵀ + b
AxisLabels linear_rule(Trace& t, const Tensor& y) {
  const AxisLabels x = t.of(input(y, 0)), w = t.of(input(y, 1));
  t.tie(x[1], w[1], why);
  if (y.node()->inputs.size() == 3) t.tie(w[0], t.of(input(y, 2))[0], "its bias stays");
  t.reads(reading(y, 0, 1, 1, 1, 2));
  return {x[0], w[0]};
}

// (..., m, k) (..., k, n)
AxisLabels matmul_rule(Trace& t, const Tensor& y) {
  const Sides s = attribute<Sides>(y);
  const Tensor &a = input(y, 0), &b = input(y, 1);
  const AxisLabels la = t.of(a), lb = t.of(b);
  const int k_of_a = a.rank() - (s.a ? 2 : 1), k_of_b = b.rank() - (s.b ? 1 : 2);
  t.tie(la[k_of_a], lb[k_of_b], why);
  AxisLabels labels(y.rank());
  std::vector<char> met(y.rank(), 0);
  for (const auto& [x, l] : {std::pair(&a, &la), std::pair(&b, &lb)})  // batches stretch to a common shape
    for (int i = 0; i < x->rank() - 2; ++i) {
      const int j = y.rank() - x->rank() + i;
      if (x->size(i) != y.size(j)) t.fix((*l)[i], "it stretches");
      else if (met[j]++) t.tie(labels[j], (*l)[i], why);
      else labels[j] = (*l)[i];
    }
  labels[y.rank() - 2] = la[a.rank() - (s.a ? 1 : 2)];
  labels[y.rank() - 1] = lb[b.rank() - (s.b ? 2 : 1)];
  t.reads(reading(y, 0, k_of_a, 1, k_of_b, 2));
  t.reads(reading(y, 1, k_of_b, 0, k_of_a, 2));
  return labels;
}

// x (n, in, h, w), weight (out, in / groups, kh, kw). In groups, the j-th channels of all groups go together, so that the groups stay alike;
// where every input is a group of its own (depthwise), it goes with its outputs, and a group with it.
AxisLabels convolved(Trace& t, const Tensor& y) {
  const Tensor &x = input(y, 0), &weight = input(y, 1);
  const AxisLabels lx = t.of(x), w = t.of(weight);
  const std::int64_t groups = attribute<Window>(y).groups, out = weight.size(0), in_each = weight.size(1), out_each = out / groups;
  for (int a : {2, 3}) t.fix(w[a], "a kernel's position is no channel"), t.fix(lx[a], "a window moves over it");
  const std::vector<Label>& in = lx[1];
  auto input_channel = [&](std::int64_t c) { return in.empty() ? no_channel : in[c]; };
  if (groups == 1) {
    t.tie(in, w[1], why);
  } else if (in_each == 1) {
    t.fix(w[1], "a depthwise kernel has one input");
    for (std::int64_t o = 0; o < out; ++o) t.tie(w[0][o], input_channel(o / out_each), why);
  } else {
    for (std::int64_t g = 0; g < groups; ++g) {
      for (std::int64_t j = 0; j < in_each; ++j) t.tie(w[1][j], input_channel(g * in_each + j), why);
      for (std::int64_t j = 0; j < out_each; ++j) t.tie(w[0][j], w[0][g * out_each + j], why);
    }
  }
  if (y.node()->inputs.size() == 3) t.tie(w[0], t.of(input(y, 2))[0], "its bias stays");
  if (groups == 1 || in_each > 1) t.reads(reading(y, 0, 1, 1, 1, 2));  // (a depthwise kernel goes with what it reads)
  return {lx[0], w[0], {}, {}};
}

}  // namespace

AxisLabels elementwise(Trace& t, const Tensor& y) {
  AxisLabels labels(y.rank());
  std::vector<char> met(y.rank(), 0);
  for (const Tensor& x : y.node()->inputs) {
    if (!x.defined()) continue;
    const AxisLabels of = t.of(x);
    for (int a = 0; a < x.rank(); ++a) {
      const int b = y.rank() - x.rank() + a;
      if (x.size(a) != y.size(b)) t.fix(of[a], "it stretches");
      else if (y.size(b) == 1 && of[a].empty()) continue;  // (a scalar beside one channel)
      else if (met[b]++) t.tie(labels[b], of[a], "it meets a constant, or the network's input");
      else labels[b] = of[a];
    }
  }
  return labels;
}

std::map<std::string, Rule>& rules() {
  static std::map<std::string, Rule> table = [] {
    std::map<std::string, Rule> all{{"linear", linear_rule}, {"matmul", matmul_rule}, {"conv2d", convolved}, {"batch_norm", batch_normalized},
                                    {"layer_norm", layer_normalized}, {"reshape", reshaped}, {"permute", permuted}, {"concat", joined},
                                    {"slice", ranged}, {"embed", ranged}, {"index_select", selected}, {"index_add", scattered}, {"sum", reduced},
                                    {"max", reduced}, {"max_pool2d", pooled}, {"average_pool2d", pooled}, {"softmax", along_rows},
                                    {"log_softmax", along_rows}, {"gather", fixed_everywhere}, {"scatter_add", fixed_everywhere},
                                    {"cross_entropy", fixed_everywhere}, {"masked", same}, {"softly_masked", same}};
    for (const char* op : {"neg", "abs", "sign", "exp", "log", "sqrt", "tanh", "sigmoid", "relu", "softplus", "erf", "reciprocal", "clamp", "cast", "add", "sub",
                           "mul", "div", "pow", "maximum", "gate", "where", "broadcast_to"})
      all.emplace(op, elementwise);
    return all;
  }();
  return table;
}

}  // namespace bonsai::prune
