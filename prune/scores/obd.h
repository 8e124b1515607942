// Optimal Brain Damage: the change of the loss when a weight is made 0, to second order, with the Hessian taken to be diagonal.
//
//   s_i = H_ii w_i² / 2
//
// Exact for one weight when the loss is quadratic and the network at its minimum (no first-order term): the others stay, so only H_ii counts. Adding the scores of several
// takes H to be diagonal (weights do not interact).
// Cost: the diagonal, which exactly takes one Hessian-vector product a weight (hessian_diagonal.h).
// LeCun, Denker and Solla, "Optimal brain damage", NIPS 1989.
#pragma once
#include "core/ops.h"

namespace bonsai::prune {

// diagonal: H_ii, shaped as w. Where it is negative the loss would fall; the score says so by being negative.
inline Tensor obd(const Tensor& w, const Tensor& diagonal) { return 0.5 * diagonal * (w.detach() * w.detach()); }  // (obd.1)

}  // namespace bonsai::prune
