// SynFlow: which connections carry the most synaptic strength, from all inputs to all outputs, without any data? Make every weight
// positive, feed ones, and ask how the sum of the outputs depends on each weight.
//
//   R = 1ᵀ f(1; |θ|),  s = |dR/dθ · θ|
//
// Summed over a layer's weights the scores are the same in every layer (a conservation law), so a single shot would still starve the largest
// layer; scoring and pruning is repeated, 100 times, at densities (1-ρ)^(k/100). Deep networks overflow f32: do it in f64.
// Assumes nothing about data or task. Cost: one forward and backward pass a round.
// Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS 2020.
#pragma once
#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

// gradient: dR/d|θ|.
inline Tensor synflow(const Tensor& w, const Tensor& gradient) { return abs(gradient * w.detach()); }  // (syn.1)

}  // namespace bonsai::prune
