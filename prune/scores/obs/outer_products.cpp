#include "prune/scores/obs/outer_products.h"

#include <vector>

#include "core/error.h"

namespace bonsai::prune {

Tensor outer_product_inverse(const Tensor& gradients, double alpha) {
  require(gradients.rank() == 2 && gradients.dtype() == DType::f64 && gradients.size(0) > 0, "outer products: gradients must be (P, n) in f64, got {} {}",
          name(gradients.dtype()), gradients.shape());
  require(alpha > 0, "outer products: alpha must be above 0, got {}", alpha);
  const std::int64_t patterns = gradients.size(0), n = gradients.size(1);
  Tensor inverse = zeros({n, n}, DType::f64);
  auto h = inverse.mutable_data<double>();
  for (std::int64_t i = 0; i < n; ++i) h[i * n + i] = 1 / alpha;
  std::vector<double> hx(n);
  for (std::int64_t k = 0; k < patterns; ++k) {
    const double* x = gradients.data<double>().data() + k * n;
    double xhx = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      hx[i] = 0;
      for (std::int64_t j = 0; j < n; ++j) hx[i] += h[i * n + j] * x[j];
      xhx += x[i] * hx[i];
    }
    const double scale = 1 / (static_cast<double>(patterns) + xhx);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) h[i * n + j] -= scale * (hx[i] * hx[j]);  // (obs.5)
  }
  return inverse;
}

}  // namespace bonsai::prune
