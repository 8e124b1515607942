// Taylor (for weights): the first-order change of the loss when a weight is made 0, whichever way it goes.
//
//   s = |g w|,  g = dL/dw                              L(w with w_i = 0) - L(w) ≈ -g_i w_i
//
// Three scores are made of the product g w, and differ in what they ask:
//   SNIP      |g w|   before training, on one batch: how much does the loss react to this connection at all?
//   Taylor    |g w|   of a trained network: how far does the loss move, up or down, when the weight goes?
//   movement  -Σ g w  during fine-tuning: does training pull the weight away from 0 (keep) or towards it (prune)?
// Assumes that a weight's own size is a small step, which at a minimum (g = 0) leaves nothing to see: there use OBD.
// Cost: one backward pass. Molchanov et al., "Pruning convolutional neural networks for resource efficient inference", ICLR 2017.
#pragma once
#include "core/ops.h"

namespace bonsai::prune {

inline Tensor taylor(const Tensor& w, const Tensor& gradient) { return abs(gradient * w.detach()); }  // (tay.1)

}  // namespace bonsai::prune
