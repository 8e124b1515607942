// Magnitude: a weight near 0 can be made 0 at little cost.
//
//   s = |w|
//
// Assumes that every weight's change matters alike: it is what OBD and OBS become when the Hessian is a multiple of the identity.
// Cost: one pass. Janowsky, "Pruning versus clipping in neural networks", Physical Review A 39, 1989; Han et al., "Learning both
// weights and connections for efficient neural networks", NIPS 2015.
#pragma once
#include "core/ops.h"

namespace bonsai::prune {

inline Tensor magnitude(const Tensor& w) { return abs(w.detach()); }  // (mag.1)

}  // namespace bonsai::prune
