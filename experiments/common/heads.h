// Attention heads as a network's own: where they are, what each is worth by several criteria, and how one is taken out for good.
#pragma once
#include <string>
#include <vector>

#include "core/random.h"
#include "nn/module.h"

namespace bonsai::experiments {

// The heads of one attention layer, by the numbers they had in the whole network.
struct HeadLayer {
  std::string name;        // "block1.attention"
  std::vector<int> heads;  // those that are left, in the order of the weights' rows
};
using HeadsLeft = std::vector<HeadLayer>;
HeadsLeft heads_of(nn::Module& net, std::int64_t head_size);  // of every layer with a weight NAME.q.weight
std::int64_t count(const HeadsLeft& left);

//   importance   Michel's: the loss's reaction to a gate on the head, l2-normalised within a layer (prune/scores/head_importance.h)
//   norm         ‖(V_h, O_h)‖ (prune/scores/head_norm.h)
//   loss         how much the loss rises without the head, measured head by head: what the others estimate
//   random
inline const std::vector<std::string> head_criteria{"importance", "loss", "norm", "random"};

using HeadScores = std::vector<std::vector<double>>;  // of each layer, of each head that is left; higher = keep
HeadScores score_heads(const std::string& criterion, nn::Module& net, const HeadsLeft& left, const Tensor& inputs, const Tensor& labels, Random random);

// The outputs of all heads, (n, heads, t, d), as the graph of `y` holds them: of each attention layer, from the input on, the product of the softmax
// with the values.
Tensors head_outputs(const Tensor& y);

// Which head goes: the lowest score among the layers that have another one; of equal ones the first. A layer's last head stays, as surgery asks.
struct Head {
  int layer, place;
};
Head lowest(const HeadScores& scores);

// Masks this head's rows of q, k and v, cuts it out of all four weights, and returns |cut - masked| / |masked| of the outputs for `inputs`.
double remove_head(nn::Module& net, HeadsLeft& left, Head head, const Tensor& inputs);

}  // namespace bonsai::experiments
