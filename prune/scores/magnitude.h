// Magnitude: a weight near 0 can be made 0 at little cost.
//
//   s = |w|
//
// Assumes that every weight's change matters alike: it is what OBD and OBS become when the Hessian is a multiple of the identity.
// How much goes is said by a count (select.h), by a fixed threshold (remove_below there), or by a threshold that is a quality parameter
// times the standard deviation of each layer's own weights (Han): that is one threshold for all layers on s = |w| / σ.
// Cost: one pass. Janowsky, "Pruning versus clipping in neural networks", Physical Review A 39, 1989; Han et al., "Learning both
// weights and connections for efficient neural networks", NIPS 2015.
#pragma once
#include "core/ops.h"

namespace bonsai::prune {

inline Tensor magnitude(const Tensor& w) { return abs(w.detach()); }  // (mag.1)


// |w| / σ, with σ the standard deviation of the entries that are kept (mask u8, or undefined).
inline Tensor magnitude_in_deviations(const Tensor& w, const Tensor& mask = {}) {
  const Tensor x = cast(w.detach(), DType::f64), kept = mask.defined() ? cast(mask, DType::f64) : ones(w.shape(), DType::f64);
  const Tensor n = maximum(sum(kept), number(1, x)), mean = sum(x * kept) / n;
  const double sigma = sqrt(sum((x - mean) * (x - mean) * kept) / n).item();
  return cast(sigma > 0 ? abs(x) / sigma : abs(x), w.dtype());  // (mag.2)
}

}  // namespace bonsai::prune
