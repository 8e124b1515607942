// Optimal Brain Surgeon: delete a weight and let all the others make up for it.
//
//   s_q = w_q² / (2 [H⁻¹]_qq)                          what it costs, after the others have moved
//   δw  = - w_q / [H⁻¹]_qq · H⁻¹ e_q                   how they move (δw_q = -w_q: the weight becomes 0)
//
// This is the smallest ½ δwᵀ H δw under the condition that weight q becomes 0: then H δw = -c e_q, a force on q alone, with c = w_q / [H⁻¹]_qq by the condition. Exact when the loss is quadratic and the
// network at its minimum; H is the whole Hessian. Cost: H⁻¹ (inverse.h or outer_products.h), then n numbers a score.
// Hassibi and Stork, "Second order derivatives for network pruning: optimal brain surgeon", NIPS 1992.
#pragma once
#include <vector>

#include "core/tensor.h"

namespace bonsai::prune {

// All n scores at once: w (n), inverse (n, n), both f64. Deleted weights (mask 0, u8) score +infinity.
Tensor obs_scores(const Tensor& w, const Tensor& inverse, const Tensor& mask = {});

// The change of all weights when q is deleted: (n).
Tensor obs_change(const Tensor& w, const Tensor& inverse, std::int64_t q);

// Several weights at once, jointly: δw = - H⁻¹_{:,Q} ([H⁻¹]_QQ)⁻¹ w_Q, at the cost ½ w_Qᵀ ([H⁻¹]_QQ)⁻¹ w_Q. One after the other
// gives the same, if the inverse is brought up to date in between; the cheap sum of single costs does not.
struct JointDeletion {
  Tensor change;  // (n)
  double cost;
};
JointDeletion obs_joint(const Tensor& w, const Tensor& inverse, const std::vector<std::int64_t>& q);

// The inverse of what is left of H when row and column q are struck out (not H⁻¹ with them struck out), from H's: H⁻¹ - H⁻¹ e_q e_qᵀ H⁻¹ / [H⁻¹]_qq, in place. Row and column q become 0. O(n²).
void forget_weight(Tensor& inverse, std::int64_t q);

}  // namespace bonsai::prune
