#include "core/cholesky.h"

#include <cmath>

#include "core/ops.h"

namespace bonsai {
namespace {

constexpr std::int64_t small = 48;

// Row by row: L_ij = (A_ij - Σ_k L_ik L_jk) / L_jj, L_ii = √(A_ii - Σ_k L_ik²); then L⁻¹ column by column by substitution.
std::optional<Cholesky> factor_small(const Tensor& a, const double* diagonal) {
  const std::int64_t n = a.size(0);
  Cholesky c{zeros({n, n}, DType::f64), zeros({n, n}, DType::f64)};
  const double* given = a.data<double>().data();
  double* l = c.factor.mutable_data<double>().data();
  double* x = c.inverse.mutable_data<double>().data();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double left = given[i * n + j];
      for (std::int64_t k = 0; k < j; ++k) left -= l[i * n + k] * l[j * n + k];
      if (i == j && !(left > 1e-14 * std::abs(diagonal[i]))) return {};
      l[i * n + j] = i == j ? std::sqrt(left) : left / l[j * n + j];
    }
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = j; i < n; ++i) {
      double left = i == j ? 1 : 0;
      for (std::int64_t k = j; k < i; ++k) left -= l[i * n + k] * x[k * n + j];
      x[i * n + j] = left / l[i * n + i];
    }
  return c;
}

Tensor block(const Tensor& a, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  return slice(slice(a, 0, row, row + rows), 1, column, column + columns);
}

// diagonal: A's own, before anything was taken off it.
std::optional<Cholesky> factor(const Tensor& a, const double* diagonal) {
  const std::int64_t n = a.size(0), h = n / 2;
  if (n <= small) return factor_small(a, diagonal);
  const auto first = factor(block(a, 0, h, 0, h), diagonal);
  if (!first) return {};
  const Tensor l21 = matmul(block(a, h, n - h, 0, h), first->inverse, {.b = true});
  const auto second = factor(block(a, h, n - h, h, n - h) - matmul(l21, l21, {.b = true}), diagonal + h);
  if (!second) return {};
  const Tensor x21 = -matmul(second->inverse, matmul(l21, first->inverse)), none = zeros({h, n - h}, DType::f64);
  return Cholesky{concat({concat({first->factor, none}, 1), concat({l21, second->factor}, 1)}, 0),
                  concat({concat({first->inverse, none}, 1), concat({x21, second->inverse}, 1)}, 0)};
}

}  // namespace

std::optional<Cholesky> cholesky(const Tensor& a) {
  require(a.rank() == 2 && a.size(0) == a.size(1) && a.dtype() == DType::f64, "cholesky: needs a square matrix in f64, got {} {}", name(a.dtype()), a.shape());
  NoGrad off;
  const std::int64_t n = a.size(0);
  std::vector<double> diagonal;
  for (std::int64_t i = 0; i < n; ++i) diagonal.push_back(a.data<double>()[i * n + i]);
  return factor(a, diagonal.data());
}

}  // namespace bonsai
