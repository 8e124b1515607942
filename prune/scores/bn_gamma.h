// BatchNorm's γ (network slimming): a channel that its BatchNorm scales down to nearly nothing can go.
//
//   s_c = |γ_c|                                        higher = keep, globally: γ of all layers compete
//
// BatchNorm makes every channel's numbers mean 0 and variance 1, so that |γ| is the deviation of what comes out, in the same unit in every layer,
// whatever the filter's own size is. It tells little about a network trained as usual, where no γ comes near 0; the method's other half is
// an L1 penalty that drives many of them there (schedules/slimming.h).
// Assumes that the next layer listens to all its inputs alike. β is not looked at: a channel with γ = 0 says β of every example.
// Cost: one pass over a few thousand numbers. Liu et al., "Learning efficient convolutional networks through network slimming", ICCV 2017.
#pragma once
#include "core/ops.h"

namespace bonsai::prune {

inline Tensor bn_gamma(const Tensor& gamma) {  // (channels) -> (channels) f64
  require(gamma.defined() && gamma.rank() == 1 && is_floating(gamma.dtype()), "BN gamma: γ must be (channels) of real numbers, got {}",
          gamma.defined() ? fmt::format("{} {}", name(gamma.dtype()), gamma.shape()) : "an undefined tensor");
  return cast(abs(gamma.detach()), DType::f64);  // (slim.1)
}

}  // namespace bonsai::prune
