#include "prune/layerwise/hessian.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/backend.h"
#include "core/ops.h"
#include "core/parallel.h"

namespace bonsai::prune {
namespace {

constexpr std::int64_t rows_at_once = 512, tokens_at_once = 4096;

}  // namespace

InputStatistics::InputStatistics(std::int64_t in, bool second_moments) : in_(in), squares_(zeros({in}, DType::f64)) {
  require(in > 0, "input statistics: a layer of {} inputs", in);
  if (second_moments) products_ = zeros({in, in}, DType::f64);
}

void InputStatistics::add(const Tensor& x) {
  require(x.defined() && x.rank() == 2 && x.size(1) == in_ && is_floating(x.dtype()), "input statistics: needs inputs (tokens, {}) of real numbers, got {}", in_,
          x.defined() ? fmt::format("{} {}", name(x.dtype()), x.shape()) : "an undefined tensor");
  NoGrad off;
  dispatch_floating("input statistics", x.dtype(), [&]<class T>() {
    const auto v = x.data<T>();
    for (std::size_t i = 0; i < v.size(); ++i)
      require(std::isfinite(v[i]), "input statistics: input {} of token {} is {}; the network has diverged, or the file is damaged",
              static_cast<std::int64_t>(i) % in_, tokens_ + static_cast<std::int64_t>(i) / in_, v[i]);
  });
  double* squares = squares_.mutable_data<double>().data();
  for (std::int64_t begin = 0; begin < x.size(0); begin += tokens_at_once) {
    const std::int64_t n = std::min(tokens_at_once, x.size(0) - begin);
    const Tensor some = cast(slice(x.detach(), 0, begin, begin + n), DType::f64);
    const double* v = some.data<double>().data();
    for (std::int64_t t = 0; t < n; ++t)
      for (std::int64_t j = 0; j < in_; ++j) squares[j] += v[t * in_ + j] * v[t * in_ + j];
    if (!products_.defined()) continue;
    for (std::int64_t i = 0; i < in_; i += rows_at_once) {  // the lower triangle, some rows at a time
      const std::int64_t rows = std::min(rows_at_once, in_ - i), columns = i + rows;
      Tensor part = empty({rows, columns}, DType::f64);
      double* to = products_.mutable_data<double>().data();
      const View all = view(some);
      View left{all.as<double>() + i, DType::f64, {n, rows}, {in_, 1}}, right{all.data, DType::f64, {n, columns}, {in_, 1}};
      matmul_on_host(transposed(left), right, part);
      const double* from = part.data<double>().data();
      parallel_for(rows, [&](std::int64_t r) {
        for (std::int64_t c = 0; c < columns; ++c) to[(i + r) * in_ + c] += from[r * columns + c];
      });
    }
  }
  tokens_ += x.size(0);
}

Tensor InputStatistics::norms() const {
  require(tokens_ > 0, "input statistics: no inputs yet; calibration needs examples");
  return sqrt(squares_);
}

Tensor InputStatistics::second_moments() const {
  require(tokens_ > 0, "input statistics: no inputs yet; calibration needs examples");
  require(products_.defined(), "input statistics: only norms were gathered here");
  Tensor h = empty({in_, in_}, DType::f64);
  const double* p = products_.data<double>().data();
  double* to = h.mutable_data<double>().data();
  const double scale = 2 / static_cast<double>(tokens_);
  parallel_for(in_, [&](std::int64_t i) {
    for (std::int64_t j = 0; j < in_; ++j) to[i * in_ + j] = scale * (j <= i ? p[i * in_ + j] : p[j * in_ + i]);  // (sparsegpt.1)
  });
  return h;
}

double layer_error(const Tensor& w, const Tensor& pruned, const Tensor& h) {
  require(pruned.shape() == w.shape(), "layer error: weights {} and {} differ in shape", w.shape(), pruned.shape());
  const LayerAmount any;
  const Tensor before = layer_problem("layer error", "weight", w, h, any, {}).w, after = layer_problem("layer error", "pruned weight", pruned, h, any, {}).w;
  auto energy = [&](const Tensor& d) { return sum(d * matmul(d, h)).item(); };
  const double all = energy(before), lost = energy(before - after);
  return lost == 0 ? 0 : lost / all;
}

LayerProblem layer_problem(const char* who, const std::string& name, const Tensor& w, const Tensor& h, const LayerAmount& a, const Tensor& mask) {
  require(w.rank() >= 2 && is_floating(w.dtype()), "{}: \"{}\" must be a weight (out, in, ...) of real numbers, got {} {}", who, name, bonsai::name(w.dtype()), w.shape());
  const std::int64_t rows = w.size(0), n = contiguous_strides(w.shape())[0];
  require(h.dtype() == DType::f64 && h.shape() == Shape{n, n}, "{}: \"{}\" {} needs the second moments of its {} inputs, f64 ({}, {}); got {} {}", who, name,
          w.shape(), n, n, n, bonsai::name(h.dtype()), h.shape());
  require(!mask.defined() || (mask.shape() == w.shape() && mask.dtype() == DType::u8), "{}: the mask of \"{}\" does not fit it; it must be u8 {}", who, name, w.shape());
  if (a.pattern) {
    const std::string refusal = nm_refusal(w.shape(), *a.pattern);
    require(refusal.empty(), "\"{}\" {} cannot be pruned to {}: {}", name, w.shape(), a.pattern->str(), refusal);
  }
  const double* second = h.data<double>().data();
  for (std::int64_t j = 0; j < n; ++j)
    require(std::isfinite(second[j * n + j]) && second[j * n + j] >= 0, "{}: the second moment of input {} of \"{}\" is {}; the calibration data is damaged", who, j,
            name, second[j * n + j]);

  LayerProblem p{empty({rows, n}, DType::f64), empty({rows, n}, DType::u8), std::vector<std::int64_t>(n)};
  const std::int64_t in = w.size(1), places = n / std::max<std::int64_t>(in, 1);
  if (a.pattern)
    for (std::int64_t j = 0; j < n; ++j) p.order[j] = j % in * places + j / in;  // place by place, the inputs of each in a row
  else std::iota(p.order.begin(), p.order.end(), 0);
  double* to = p.w.mutable_data<double>().data();
  std::uint8_t* kept = p.kept.mutable_data<std::uint8_t>().data();
  const std::uint8_t* given = mask.defined() ? mask.data<std::uint8_t>().data() : nullptr;
  dispatch_floating(who, w.dtype(), [&]<class T>() {
    const T* from = w.data<T>().data();
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int64_t c = p.order[j], at = i * n + c;
        require(std::isfinite(from[at]), "{}: \"{}\" has {} at index {}; the network has diverged", who, name, from[at], at);
        kept[i * n + j] = !given || given[at];
        to[i * n + j] = second[c * n + c] == 0 || !kept[i * n + j] ? 0 : static_cast<double>(from[at]);
      }
  });
  return p;
}

Tensor damped(const Tensor& h, const std::vector<std::int64_t>& order, double damping) {
  require(damping >= 0 && std::isfinite(damping), "damping {}; it must be a fraction of the mean diagonal, such as 0.01", damping);
  const auto n = static_cast<std::int64_t>(order.size());
  Tensor out = empty({n, n}, DType::f64);
  const double* from = h.data<double>().data();
  double* to = out.mutable_data<double>().data();
  parallel_for(n, [&](std::int64_t i) {
    for (std::int64_t j = 0; j < n; ++j) to[i * n + j] = from[order[i] * n + order[j]];
  });
  double trace = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    double& d = to[i * n + i];
    if (d == 0) d = 1;
    trace += d;
  }
  for (std::int64_t i = 0; i < n; ++i) to[i * n + i] += damping * trace / static_cast<double>(n);  // (sparsegpt.2)
  return out;
}

Tensor restored(const Tensor& matrix, const LayerProblem& p, const Tensor& w) {
  Tensor out = empty(w.shape(), matrix.dtype() == DType::u8 ? DType::u8 : w.dtype());
  const std::int64_t rows = matrix.size(0), n = matrix.size(1);
  auto move = [&]<class From, class To>(const From* from, To* to) {
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < n; ++j) to[i * n + p.order[j]] = static_cast<To>(from[i * n + j]);
  };
  if (matrix.dtype() == DType::u8) move(matrix.data<std::uint8_t>().data(), out.mutable_data<std::uint8_t>().data());
  else dispatch_floating("layer", w.dtype(), [&]<class T>() { move(matrix.data<double>().data(), out.mutable_data<T>().data()); });
  return out;
}

}  // namespace bonsai::prune
