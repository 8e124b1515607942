// Surgery: channels that are pruned by masks are really cut out, of weights, biases, BatchNorms, their running statistics and the optimizers' state.
// What is left is a smaller dense network, faster everywhere, which computes what the masked one computed.
//
//   y = W f(x) + b,  x_c = 0 for a pruned channel c:   y = Σ_{c kept} W_c f(x_c) + (b + Σ_{c pruned} W_c f(0))
//
// f(0) = 0 for ReLU, GELU and tanh; where it is not (a sigmoid's 1/2), the constant goes into the next bias, if it is one: beside a padded border it is
// not, and there surgery refuses, as it does where a channel cannot go (a LayerNorm's features, the network's input and output).
// Exact but for the order of sums. Cost: two forward passes and a copy of the network.
#pragma once
#include "prune/structure/channels.h"

namespace bonsai::prune {

struct CutResult {
  int units = 0;                  // how many went
  std::int64_t parameters = 0;    // numbers that went, buffers not counted
  double cut_minus_masked = 0;    // |cut - masked| / |masked| of the outputs on the example
  std::vector<std::string> folded;  // biases that took up constants
  std::vector<std::string> held;    // what is pruned and could not go, one line a weight (Channels::held_back)
};

// Cuts every unit whose places are all pruned (Channels::pruned). `inputs` (n, ...) are what the graph is read from, and what the two networks are
// compared on: a layer that holds a size apart from its parameters, and so does not follow, is found there. When anything is refused, the network
// is left as it was.
CutResult cut(nn::Module& net, const Tensor& inputs);

double relative_distance(const Tensor& a, const Tensor& b);  // ‖a - b‖ / ‖b‖ in f64; 0 where they are equal, whatever their size

}  // namespace bonsai::prune
