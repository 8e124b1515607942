#include "prune/scores/obs/outer_products.h"

#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

Tensor outer_product_inverse(const Tensor& gradients, double alpha) {
  require(gradients.rank() == 2 && gradients.dtype() == DType::f64 && gradients.size(0) > 0, "outer products: gradients must be (P, n) in f64, got {} {}",
          name(gradients.dtype()), gradients.shape());
  require(alpha > 0, "outer products: alpha must be above 0, got {}", alpha);
  const std::int64_t patterns = gradients.size(0), n = gradients.size(1);
  Tensor inverse = eye(n) * (1 / alpha);
  for (std::int64_t k = 0; k < patterns; ++k) add_outer_product(inverse, gradients.data<double>().data() + k * n, static_cast<double>(patterns));
  return inverse;
}

void add_outer_product(Tensor& inverse, const double* x, double patterns) {
  const std::int64_t n = inverse.size(0);
  double* h = inverse.mutable_data<double>().data();
  std::vector<double> hx(n);
  double xhx = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    double partial[8] = {};
    std::int64_t j = 0;
    for (; j + 8 <= n; j += 8)
      for (int l = 0; l < 8; ++l) partial[l] += h[i * n + j + l] * x[j + l];
    for (; j < n; ++j) partial[j % 8] += h[i * n + j] * x[j];
    hx[i] = ((partial[0] + partial[1]) + (partial[2] + partial[3])) + ((partial[4] + partial[5]) + (partial[6] + partial[7]));
    xhx += x[i] * hx[i];
  }
  const double scale = 1 / (patterns + xhx);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) h[i * n + j] -= scale * (hx[i] * hx[j]);  // (obs.5)
}

}  // namespace bonsai::prune
