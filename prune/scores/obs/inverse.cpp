#include "prune/scores/obs/inverse.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"

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

double dot(const double* a, const double* b, std::int64_t n) {
  double partial[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int l = 0; l < 8; ++l) partial[l] += a[i + l] * b[i + l];
  for (; i < n; ++i) partial[i % 8] += a[i] * b[i];
  return ((partial[0] + partial[1]) + (partial[2] + partial[3])) + ((partial[4] + partial[5]) + (partial[6] + partial[7]));
}

// Cholesky: a + λI = L Lᵀ, row by row; L replaces a's lower triangle. False when that is not positive definite.
bool factor(std::vector<double>& a, std::int64_t n, double lambda) {
  for (std::int64_t i = 0; i < n; ++i) {
    double* row = &a[i * n];
    for (std::int64_t j = 0; j < i; ++j) row[j] = (row[j] - dot(row, &a[j * n], j)) / a[j * n + j];
    const double pivot = row[i] + lambda - dot(row, row, i);
    if (!(pivot > 1e-14 * std::abs(row[i] + lambda))) return false;  // what is left is rounding
    row[i] = std::sqrt(pivot);
  }
  return true;
}

// x with L Lᵀ x = b, in place: L forward, then Lᵀ backward.
void substitute(const std::vector<double>& l, std::int64_t n, double* x) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = (x[i] - dot(&l[i * n], x, i)) / l[i * n + i];
  for (std::int64_t i = n - 1; i >= 0; --i) {
    x[i] /= l[i * n + i];
    for (std::int64_t j = 0; j < i; ++j) x[j] -= x[i] * l[i * n + j];
  }
}

}  // namespace

Inverse damped_inverse(const Tensor& hessian, double damping) {
  const std::int64_t n = check(hessian);
  require(damping >= 0, "inverse: damping cannot be negative, got {}", damping);
  const auto h = hessian.data<double>();
  double scale = 0;
  for (std::int64_t i = 0; i < n; ++i) scale += std::abs(h[i * n + i]) / static_cast<double>(n);
  if (scale == 0) scale = 1;
  std::vector<double> l(h.begin(), h.end());
  double lambda = damping;
  for (double rung = 1e-12 * scale; !factor(l, n, lambda); rung *= 10) {
    require(rung <= 1e6 * scale, "inverse: the Hessian is not positive definite even with {} added to its diagonal", lambda);
    lambda = std::max(lambda, rung);
    l.assign(h.begin(), h.end());
  }
  Tensor out = eye(n);
  double* columns = out.mutable_data<double>().data();
  parallel_for(n, [&](std::int64_t i) { substitute(l, n, columns + i * n); });  // row i of the inverse is its column i
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) columns[i * n + j] = columns[j * n + i] = 0.5 * (columns[i * n + j] + columns[j * n + i]);
  return {out, lambda};
}

Tensor solve(const Tensor& a, const Tensor& b) {
  const std::int64_t n = check(a);
  require(b.shape() == Shape{n} && b.dtype() == DType::f64, "solve: right side {} {} does not fit {}", name(b.dtype()), b.shape(), a.shape());
  std::vector<double> l(a.data<double>().begin(), a.data<double>().end()), x = b.to_vector<double>();
  require(factor(l, n, 0), "solve: the matrix {} is not positive definite", a.shape());
  substitute(l, n, x.data());
  return tensor<double>(std::span<const double>(x), {n});
}

}  // namespace bonsai::prune
