// What the tests of layer-wise pruning share: inputs of several kinds of correlation, least squares by elimination, and the errors of all methods.
#pragma once
#include <cmath>
#include <numeric>
#include <vector>

#include "core/ops.h"
#include "core/random.h"
#include "prune/layerwise/hessian.h"

namespace bonsai::test {

// (tokens, in) f64. "independent"; "chain": each input 0.9 of its left neighbour; "factors": in/4 causes and a little noise; "relu": what a layer says.
inline Tensor layer_inputs(const std::string& kind, std::int64_t tokens, std::int64_t in, Random& r) {
  Tensor x = r.normal({tokens, in}, 0, 1, DType::f64);
  if (kind == "chain") {
    auto d = x.mutable_data<double>();
    for (std::int64_t t = 0; t < tokens; ++t)
      for (std::int64_t j = 1; j < in; ++j) d[t * in + j] = 0.9 * d[t * in + j - 1] + std::sqrt(1 - 0.81) * d[t * in + j];
  }
  if (kind == "factors") {
    const std::int64_t causes = std::max<std::int64_t>(2, in / 4);
    x = x * 0.3 + matmul(r.normal({tokens, causes}, 0, 1, DType::f64), r.normal({causes, in}, 0, 1, DType::f64)) / std::sqrt(static_cast<double>(causes));
  }
  if (kind == "relu") x = relu(matmul(x, r.normal({in, in}, 0, 1, DType::f64)) / std::sqrt(static_cast<double>(in)) + r.normal({tokens, 1}, 0, 1, DType::f64));
  return x;
}

inline prune::InputStatistics statistics_of(const Tensor& x) {
  prune::InputStatistics s(x.size(1));
  s.add(x);
  return s;
}

// The solution of A z = b by elimination with pivots.
inline std::vector<double> eliminate(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t p = k;
    for (std::size_t i = k + 1; i < n; ++i)
      if (std::abs(a[i][k]) > std::abs(a[p][k])) p = i;
    std::swap(a[k], a[p]), std::swap(b[k], b[p]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const double f = a[i][k] / a[k][k];
      for (std::size_t j = k; j < n; ++j) a[i][j] -= f * a[k][j];
      b[i] -= f * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

// One row's best weights when only those in `free` may differ from `v` (the others stay as they stand there): they minimise (v - w)ᵀ H (v - w).
inline std::vector<double> best_with(const std::vector<double>& w, std::vector<double> v, const Tensor& h, const std::vector<bool>& free) {
  const std::size_t n = w.size();
  std::vector<std::size_t> f;
  for (std::size_t j = 0; j < n; ++j)
    if (free[j]) f.push_back(j);
  std::vector<std::vector<double>> a(f.size(), std::vector<double>(f.size()));
  std::vector<double> b(f.size());
  for (std::size_t p = 0; p < f.size(); ++p) {
    for (std::size_t q = 0; q < f.size(); ++q) a[p][q] = h.at(static_cast<std::int64_t>(f[p] * n + f[q]));
    for (std::size_t j = 0; j < n; ++j) b[p] += h.at(static_cast<std::int64_t>(f[p] * n + j)) * (w[j] - (free[j] ? 0 : v[j]));
  }
  b = eliminate(a, b);
  for (std::size_t p = 0; p < f.size(); ++p) v[f[p]] = b[p];
  return v;
}
inline double quadratic(const std::vector<double>& w, const std::vector<double>& v, const Tensor& h) {
  double e = 0;
  for (std::size_t i = 0; i < w.size(); ++i)
    for (std::size_t j = 0; j < w.size(); ++j) e += (v[i] - w[i]) * h.at(static_cast<std::int64_t>(i * w.size() + j)) * (v[j] - w[j]);
  return e;
}

}  // namespace bonsai::test
