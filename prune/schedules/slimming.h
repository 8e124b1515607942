// Network slimming: training that makes its own channels small. An L1 penalty on BatchNorm's γ, and nothing else, drives the γ of channels
// that are hardly needed to 0, and the others pay little; afterwards the smallest |γ| of all layers go (scores/bn_gamma.h), and the rest is fine-tuned.
//
//   L + λ Σ |γ|           dL/dγ ← dL/dγ + λ sign(γ)         after the backward pass, before the optimizer's step
//
// |γ| has no derivative at 0; sign(0) = 0 is one of its subgradients there, all of [-1, 1]. So γ does not come to rest at 0 but trembles
// around it within a step's length, η λ, which is small enough for the ranking, and the selection does the rest (an exact 0 would
// take a proximal step). A pruned γ is 0, so it gets nothing and stays 0.
// Decay pulls differently, by its own λγ: the smaller γ is, the weaker, and it makes nothing 0. With both, the large ones feel the decay, the small ones the penalty.
// Cost: an addition a channel and step. Liu et al., "Learning efficient convolutional networks through network slimming", ICCV 2017 (λ = 1e-4).
#pragma once
#include <cmath>
#include <vector>

#include "nn/module.h"

namespace bonsai::prune {

// The γ of all BatchNorms below: the weights that stand beside a running mean.
inline std::vector<nn::Parameter*> batch_norm_gammas(nn::Module& net) {
  std::vector<nn::Parameter*> gammas;
  const std::string beside = "running_mean";
  for (const auto& [path, buffer] : net.buffers())
    if (path.ends_with(beside)) gammas.push_back(&net.parameter(path.substr(0, path.size() - beside.size()) + "weight"));
  return gammas;
}

class Slimming {
 public:
  Slimming(std::vector<nn::Parameter*> gammas, double strength) : gammas_(std::move(gammas)), strength_(strength) {
    require(!gammas_.empty(), "slimming: needs the γ of at least one BatchNorm; this network seems to have none");
    require(std::isfinite(strength) && strength >= 0, "slimming: the penalty's strength {} must be a number, 0 or more", strength);
  }

  // nn::Hooks::after_backward.
  void after_backward() const {
    for (const nn::Parameter* gamma : gammas_)
      require(gamma->gradient().defined(), "slimming: \"{}\" has no gradient; call this after the backward pass", gamma->name());
    for (const nn::Parameter* gamma : gammas_) {
      Tensor gradient = gamma->gradient();
      copy_into(gradient, gradient + sign(gamma->leaf().detach()) * strength_);  // (slim.2)
    }
  }

  double penalty() const {  // s Σ |γ|
    double total = 0;
    for (const nn::Parameter* gamma : gammas_) total += sum(cast(abs(gamma->leaf().detach()), DType::f64)).item();
    return strength_ * total;
  }

 private:
  std::vector<nn::Parameter*> gammas_;
  double strength_;
};

}  // namespace bonsai::prune
