#include "prune/scores/obs/outer_products.h"

#include <algorithm>

#include "core/cholesky.h"
#include "core/ops.h"

namespace bonsai::prune {

Tensor outer_product_inverse(const Tensor& gradients, double alpha) {
  require(gradients.rank() == 2 && gradients.dtype() == DType::f64 && gradients.size(0) > 0, "outer products: gradients must be (P, n) in f64, got {} {}",
          name(gradients.dtype()), gradients.shape());
  require(alpha > 0, "outer products: alpha must be above 0, got {}", alpha);
  constexpr std::int64_t rows = 64;
  const std::int64_t patterns = gradients.size(0);
  Tensor inverse = eye(gradients.size(1)) * (1 / alpha);
  for (std::int64_t k = 0; k < patterns; k += rows) add_outer_products(inverse, slice(gradients, 0, k, std::min(patterns, k + rows)), patterns);
  return inverse;
}

void add_outer_products(Tensor& inverse, const Tensor& x, std::int64_t examples) {
  NoGrad off;
  const Tensor xh = matmul(x, inverse);
  const auto c = cholesky(matmul(xh, x, {.b = true}) + eye(x.size(0)) * static_cast<double>(examples));
  require(c.has_value(), "outer products: a gradient is not a number, or so large that its square is not");
  const Tensor half = matmul(c->inverse, xh);  // C⁻¹ X H⁻¹, with C Cᵀ = N I + X H⁻¹ Xᵀ
  inverse = inverse - matmul(half, half, {.a = true});  // (obs.5)
}

}  // namespace bonsai::prune
