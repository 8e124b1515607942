// Input channels in a better order for N:M, with everything else following, so that the network computes what it computed. A weight's columns can
// only move if what makes those channels moves with them: the rows of the layer before, its bias, its BatchNorm, and the columns of every other weight that reads
// the channels; across a residual sum, of all layers that are added up. structure/channels.h reads off the graph what these are.
//
//   W₂ f(W₁ x) = (W₂ P) f(Pᵀ W₁ x)        P a permutation, f on each channel by itself
//
// The order is the one that keeps most of |w| in all the weights together that read the channels one column each (permutation.h). Channels that are the network's
// input stay where they are, and so do those that numbers in a buffer point at.
#pragma once
#include <string>
#include <vector>

#include "nn/module.h"
#include "prune/nm/permutation.h"

namespace bonsai::prune {

struct Permuted {
  std::string layer;               // that makes the channels
  std::vector<std::string> reads;  // the weights whose columns are in groups
  double before, after;            // Σ |w| kept there, as a fraction of all of it
};

// Puts the channels of every layer in their best order. `inputs` (n, ...) are what the graph is read from, and what the network is compared on before and
// after: a difference of more than `tolerance` (relative) puts everything back and is an error. Masks move with their weights; packed weights are refused.
std::vector<Permuted> permute_channels(nn::Module& net, const Tensor& inputs, NM p, const Random& random, double tolerance = 1e-4);

}  // namespace bonsai::prune
