#include "prune/scores/obs/inverse.h"

#include <algorithm>
#include <cmath>

#include "core/cholesky.h"
#include "core/ops.h"

namespace bonsai::prune {
namespace {

std::int64_t check(const Tensor& h) {
  require(h.rank() == 2 && h.size(0) == h.size(1) && h.dtype() == DType::f64, "inverse: needs a square matrix in f64, got {} {}", name(h.dtype()), h.shape());
  const std::int64_t n = h.size(0);
  const auto d = h.data<double>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      const double a = d[i * n + j], b = d[j * n + i];
      require(std::isfinite(a) && std::isfinite(b), "inverse: entry ({}, {}) is {}", i, j, std::isfinite(a) ? b : a);
      require(std::abs(a - b) <= 1e-8 * (std::abs(a) + std::abs(b)) + 1e-12, "inverse: entries ({}, {}) and ({}, {}) are {} and {}; a Hessian is symmetric", i, j, j, i, a, b);
    }
  return n;
}

}  // namespace

Inverse damped_inverse(const Tensor& hessian, double damping) {
  const std::int64_t n = check(hessian);
  require(damping >= 0, "inverse: damping cannot be negative, got {}", damping);
  const auto h = hessian.data<double>();
  double scale = 0;
  for (std::int64_t i = 0; i < n; ++i) scale += std::abs(h[i * n + i]) / static_cast<double>(n);
  if (scale == 0) scale = 1;
  double lambda = damping;
  std::optional<Cholesky> c;
  for (double rung = 1e-12 * scale; !(c = cholesky(lambda > 0 ? hessian + eye(n) * lambda : hessian)); rung *= 10) {
    require(rung <= 1e6 * scale, "inverse: the Hessian is not positive definite even with {} added to its diagonal", lambda);
    lambda = std::max(lambda, rung);
  }
  return {matmul(c->inverse, c->inverse, {.a = true}), lambda};  // of the factor: A = C Cᵀ, A⁻¹ = C⁻ᵀ C⁻¹
}

Tensor solve(const Tensor& a, const Tensor& b) {
  const std::int64_t n = check(a);
  require(b.shape() == Shape{n} && b.dtype() == DType::f64, "solve: right side {} {} does not fit {}", name(b.dtype()), b.shape(), a.shape());
  const auto c = cholesky(a);
  require(c.has_value(), "solve: the matrix {} is not positive definite", a.shape());
  return reshape(matmul(c->inverse, matmul(c->inverse, reshape(b, {n, 1})), {.a = true}), {n});
}

}  // namespace bonsai::prune
