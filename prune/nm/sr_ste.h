// SR-STE: an N:M network from the first step on. The forward pass sees the weights that are worth most in each group of M; the gradient goes straight through
// to all of them, so that one that was left out can come back; and what is left out is drawn towards 0, so that it does not come and go at every step.
//
//   w~ = m ⊙ w,  m the N:M mask of |w|, anew at every step        (nm.h)
//   g = dL/dw~ + λ (1 - m) ⊙ w                                     straight through, and the sparse-refined term
//
// Without the second term (λ = 0) it is the straight-through estimator of Bengio et al. (2013), whose masks keep changing, since nothing tells a weight that
// it is out. Weight decay and momentum act on all entries, masked or not. At the end the mask is fixed: hard masks of the last weights.
// Assumes that weights are dense and stay so; a training's memory and time are a dense one's. Cost: a mask and two passes over the weights a step.
// Zhou et al., "Learning N:M fine-grained structured sparse neural networks from scratch", ICLR 2021 (λ = 2e-4).
#pragma once
#include "nn/parameter.h"
#include "prune/during.h"
#include "prune/nm/nm.h"

namespace bonsai::prune {

class SrSte : public During {
 public:
  // Refuses weights that cannot take the pattern, and those that are pruned already.
  SrSte(std::vector<nn::Parameter*> weights, NM p, double lambda = 2e-4);

  void before_step(std::int64_t iteration) override;     // the masks, of the weights as they are
  void after_backward(std::int64_t iteration) override;  // the second term
  void finish() override;                                // soft masks become hard

 private:
  std::vector<nn::Parameter*> weights_;
  NM pattern_;
  double lambda_;
};

}  // namespace bonsai::prune
