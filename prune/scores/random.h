// Random: the control. A criterion that does not beat it has learned nothing.
//
//   s ~ U(0, 1)
//
// Assumes nothing. Cost: one random number a weight.
#pragma once
#include "core/random.h"

namespace bonsai::prune {

inline Tensor random_scores(const Tensor& w, Random stream) { return stream.uniform(w.shape(), 0, 1, w.dtype()); }  // (rnd.1)

}  // namespace bonsai::prune
