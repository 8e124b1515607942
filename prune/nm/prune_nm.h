// N:M by any method's score, once: the second line of the 2:4 recipe, which needs no more than that.
//
//   train the dense network  ->  prune_nm  ->  train again, with the same learning rates and a new optimizer, under the fixed mask      (Mishra et al., 2021)
//
// Weights that cannot take the pattern stay dense and are named: a first convolution reads 1 or 3 channels, which are no multiple of 4.
#pragma once
#include "prune/nm/nm.h"
#include "prune/registry.h"

namespace bonsai::prune {

struct LeftDense {
  std::string parameter, why;
};

// Masks every parameter of in.parameters that can take the pattern, by the method's score. The mask that a parameter has already stays, and counts among what
// is gone. Refuses methods that move weights, and does nothing when anything is refused; throws when no parameter can take the pattern.
std::vector<LeftDense> prune_nm(const Method& m, const ScoreInputs& in, NM p);

}  // namespace bonsai::prune
