// The inverse Hessian without the Hessian: for small residuals H is the mean of outer products of gradients, and each one changes the
// inverse by a rank-one step (Sherman and Morrison).
//
//   H ≈ (1/N) Σ_k X_k X_kᵀ,  X_k = dF(w, in_k)/dw
//   H⁻¹_{m+1} = H⁻¹_m - H⁻¹_m X X ᵀH⁻¹_m / (N + Xᵀ H⁻¹_m X),   H⁻¹_0 = I/λ
//
// Several patterns may be taken in at once, as the rows of a matrix X (Woodbury): H⁻¹ - H⁻¹Xᵀ (N I + X H⁻¹ Xᵀ)⁻¹ X H⁻¹. The result is the
// same, and the work is products of matrices; with one row it is the step above.
//
// So the result is exactly the inverse of (1/N) Σ X Xᵀ + λI. Exact for squared error where the network fits its targets; one step a
// pattern and output. Cost O(N n²). Hassibi and Stork, NIPS 1992 (λ between 1e-8 and 1e-4).
#pragma once
#include "core/tensor.h"

namespace bonsai::prune {

// gradients (P, n) f64: one row a pattern and output.
Tensor outer_product_inverse(const Tensor& gradients, double alpha);

// One step of it, in place: inverse (n, n) f64 takes in the rows of x (b, n), b of `patterns`.
void add_outer_products(Tensor& inverse, const Tensor& x, std::int64_t patterns);

}  // namespace bonsai::prune
