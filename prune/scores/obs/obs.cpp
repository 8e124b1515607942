#include "prune/scores/obs/obs.h"

#include <limits>

#include "prune/scores/obs/inverse.h"

namespace bonsai::prune {
namespace {

std::int64_t check(const Tensor& w, const Tensor& inverse) {
  const std::int64_t n = w.numel();
  require(w.dtype() == DType::f64 && inverse.dtype() == DType::f64 && inverse.shape() == Shape{n, n},
          "obs: needs w (n) and the inverse Hessian (n, n) in f64, got {} {} and {} {}", name(w.dtype()), w.shape(), name(inverse.dtype()), inverse.shape());
  return n;
}

double diagonal(const Tensor& inverse, std::int64_t n, std::int64_t q) {
  const double d = inverse.data<double>()[q * n + q];
  require(d > 0, "obs: [H^-1]_qq of weight {} is {}; the Hessian must be positive definite (damp it), and the weight not yet deleted", q, d);
  return d;
}

}  // namespace

Tensor obs_scores(const Tensor& w, const Tensor& inverse, const Tensor& mask) {
  const std::int64_t n = check(w, inverse);
  Tensor scores = empty({n}, DType::f64);
  const auto weights = w.data<double>();
  auto s = scores.mutable_data<double>();
  for (std::int64_t q = 0; q < n; ++q) {
    const bool kept = !mask.defined() || mask.data<std::uint8_t>()[q];
    s[q] = kept ? weights[q] * weights[q] / (2 * diagonal(inverse, n, q)) : std::numeric_limits<double>::infinity();  // (obs.1)
  }
  return scores;
}

Tensor obs_change(const Tensor& w, const Tensor& inverse, std::int64_t q) {
  const std::int64_t n = check(w, inverse);
  require(q >= 0 && q < n, "obs: weight {} of {}", q, n);
  Tensor change = empty({n}, DType::f64);
  const double step = -w.data<double>()[q] / diagonal(inverse, n, q);
  const auto column = inverse.data<double>();  // H⁻¹ is symmetric: its row q is its column q
  auto d = change.mutable_data<double>();
  for (std::int64_t i = 0; i < n; ++i) d[i] = step * column[q * n + i];  // (obs.2)
  d[q] = -w.data<double>()[q];                                           // exactly, whatever the rounding
  return change;
}

JointDeletion obs_joint(const Tensor& w, const Tensor& inverse, const std::vector<std::int64_t>& q) {
  const std::int64_t n = check(w, inverse), k = static_cast<std::int64_t>(q.size());
  Tensor block = empty({k, k}, DType::f64), wanted = empty({k}, DType::f64), change = zeros({n}, DType::f64);
  const auto inv = inverse.data<double>(), weights = w.data<double>();
  for (std::int64_t i = 0; i < k; ++i) {
    require(q[i] >= 0 && q[i] < n, "obs: weight {} of {}", q[i], n);
    wanted.mutable_data<double>()[i] = weights[q[i]];
    for (std::int64_t j = 0; j < k; ++j) block.mutable_data<double>()[i * k + j] = inv[q[i] * n + q[j]];
  }
  const Tensor forces = solve(block, wanted);  // ([H⁻¹]_QQ) c = w_Q, and δw = -H⁻¹_{:,Q} c                 (obs.3)
  auto d = change.mutable_data<double>();
  double cost = 0;
  for (std::int64_t j = 0; j < k; ++j) {
    const double force = forces.data<double>()[j];
    cost += 0.5 * force * weights[q[j]];
    for (std::int64_t i = 0; i < n; ++i) d[i] -= force * inv[q[j] * n + i];
  }
  for (std::int64_t i : q) d[i] = -weights[i];
  return {change, cost};
}

void forget_weight(Tensor& inverse, std::int64_t q) {
  const std::int64_t n = inverse.size(0);
  const double d = diagonal(inverse, n, q);
  auto h = inverse.mutable_data<double>();
  const std::vector<double> row(h.begin() + q * n, h.begin() + (q + 1) * n);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) h[i * n + j] -= row[i] * row[j] / d;  // (obs.4)
  for (std::int64_t i = 0; i < n; ++i) h[q * n + i] = h[i * n + q] = 0;
}

}  // namespace bonsai::prune
