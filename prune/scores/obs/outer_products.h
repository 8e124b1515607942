// The inverse Hessian without the Hessian: for small residuals H is the mean of outer products of gradients, and each one changes the
// inverse by a rank-one step (Sherman and Morrison).
//
//   H ≈ (1/N) Σ_k x_k x_kᵀ,  x_k the gradient of the network's output for example k with respect to w
//   H⁻¹_{m+1} = H⁻¹_m - H⁻¹_m x xᵀ H⁻¹_m / (N + xᵀ H⁻¹_m x),   H⁻¹_0 = I/λ
//
// Several examples may be taken in at once, as the rows of a matrix X (Woodbury): H⁻¹ - H⁻¹Xᵀ (N I + X H⁻¹ Xᵀ)⁻¹ X H⁻¹. The result is the
// same, and the work is products of matrices; with one row it is the step above.
//
// So the result is exactly the inverse of (1/N) Σ x xᵀ + λI. Exact for squared error where the network fits its targets; one step for each
// example and output. Cost O(N n²). Hassibi and Stork, NIPS 1992 (λ between 1e-8 and 1e-4).
#pragma once
#include "core/tensor.h"

namespace bonsai::prune {

// gradients (P, n) f64: a row for each example and output.
Tensor outer_product_inverse(const Tensor& gradients, double alpha);

// One step of it, in place: inverse (n, n) f64 takes in the rows of x (b, n), b of `examples`.
void add_outer_products(Tensor& inverse, const Tensor& x, std::int64_t examples);

}  // namespace bonsai::prune
