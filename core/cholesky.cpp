#include "core/cholesky.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/backend.h"
#include "core/parallel.h"

namespace bonsai {
namespace {

constexpr std::int64_t small = 48;

// A square part of a matrix, as it lies in it.
struct Part {
  double* data;
  std::int64_t n, row;  // row: how far apart rows are
  double& operator()(std::int64_t i, std::int64_t j) const { return data[i * row + j]; }
  View block(std::int64_t i, std::int64_t rows, std::int64_t j, std::int64_t columns) const { return {data + i * row + j, DType::f64, {rows, columns}, {row, 1}}; }
  Part corner(std::int64_t from, std::int64_t size) const { return {data + from * (row + 1), size, row}; }
};

Tensor product(const View& a, const View& b) {
  Tensor c = empty({a.shape[0], b.shape[1]}, DType::f64);
  matmul_on_host(a, b, c);
  return c;
}

// to[i, j] = f(to[i, j], from[i, j])
template <class F>
void each(const View& to, const Tensor& from, F f) {
  const double* x = from.data<double>().data();
  const std::int64_t columns = to.shape[1];
  parallel_for(to.shape[0], [&](std::int64_t i) {
    double* row = to.as<double>() + i * to.strides[0];
    for (std::int64_t j = 0; j < columns; ++j) row[j] = f(row[j], x[i * columns + j]);
  });
}

// Row by row: L_ij = (A_ij - Σ_k L_ik L_jk) / L_jj, L_ii = √(A_ii - Σ_k L_ik²); then L⁻¹ column by column by substitution.
bool factor_small(Part l, Part x, const double* diagonal) {
  for (std::int64_t i = 0; i < l.n; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      double left = l(i, j);
      for (std::int64_t k = 0; k < j; ++k) left -= l(i, k) * l(j, k);
      if (i == j && !(left > 1e-14 * std::abs(diagonal[i]))) return false;
      l(i, j) = i == j ? std::sqrt(left) : left / l(j, j);
    }
  for (std::int64_t j = 0; j < l.n; ++j)
    for (std::int64_t i = j; i < l.n; ++i) {
      double left = i == j ? 1 : 0;
      for (std::int64_t k = j; k < i; ++k) left -= l(i, k) * x(k, j);
      x(i, j) = left / l(i, i);
    }
  return true;
}

// a becomes its factor, below and on the diagonal; x the factor's inverse. diagonal: A's own, before anything was taken off it.
bool factor(Part a, Part x, const double* diagonal) {
  const std::int64_t h = a.n / 2, r = a.n - h;
  if (a.n <= small) return factor_small(a, x, diagonal);
  const View a21 = a.block(h, r, 0, h), x11 = x.block(0, h, 0, h), x22 = x.block(h, r, h, r);
  const auto second = [](double, double v) { return v; };
  if (!factor(a.corner(0, h), x.corner(0, h), diagonal)) return false;
  each(a21, product(a21, transposed(x11)), second);
  each(a.block(h, r, h, r), product(a21, transposed(a21)), std::minus<double>());
  if (!factor(a.corner(h, r), x.corner(h, r), diagonal + h)) return false;
  each(x.block(h, r, 0, h), product(x22, view(product(a21, x11))), [](double, double v) { return -v; });
  return true;
}

}  // namespace

std::optional<Cholesky> cholesky(const Tensor& a) {
  require(a.rank() == 2 && a.size(0) == a.size(1) && a.dtype() == DType::f64, "cholesky: needs a square matrix in f64, got {} {}", name(a.dtype()), a.shape());
  const std::int64_t n = a.size(0);
  Cholesky c{clone(a), zeros({n, n}, DType::f64)};
  const Part l{c.factor.mutable_data<double>().data(), n, n}, x{c.inverse.mutable_data<double>().data(), n, n};
  std::vector<double> diagonal;
  for (std::int64_t i = 0; i < n; ++i) diagonal.push_back(l(i, i));
  if (!factor(l, x, diagonal.data())) return {};
  for (std::int64_t i = 0; i < n; ++i) std::fill(&l(i, i) + 1, &l(i, 0) + n, 0);
  return c;
}

}  // namespace bonsai
