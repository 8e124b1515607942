// Movement: during fine-tuning, is a weight moving away from 0 or towards it? A small weight that grows is kept, a large one that
// shrinks is not.
//
//   s ← s - g w   at every step                        higher = keep; s = 0 at the start
//
// A gradient step moves w by -η g, so -g w > 0 means that |w| grows. Pruned weights go on being scored (their gradient is taken as if they
// were there: straight-through), so that one can come back. Assumes fine-tuning: in training from scratch everything moves.
// Cost: one multiplication and addition a weight and step. Sanh, Wolf and Rush, "Movement pruning", NeurIPS 2020.
#pragma once
#include "core/ops.h"

namespace bonsai::prune {

// One step's share: add it to what has come together so far. dense_gradient: also at pruned weights.
inline Tensor movement(const Tensor& accumulated, const Tensor& w, const Tensor& dense_gradient) {
  return accumulated - dense_gradient * w.detach();  // (mov.1)
}

}  // namespace bonsai::prune
