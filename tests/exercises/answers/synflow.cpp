// hint: abs(w).requires_grad(true) is a leaf of its own; linear(x, w) is x Wᵀ; grad(R, leaves) returns all gradients at once.
// reference: prune/scores/synflow.h (syn.1)
#include "prune/scores/synflow.h"

using namespace bonsai;

std::vector<Tensor> synaptic_flow(const std::vector<Tensor>& weights) {
  Tensors absolute;
  for (const Tensor& w : weights) absolute.push_back(abs(w).requires_grad(true));
  Tensor x = ones({1, weights[0].size(1)}, DType::f64);
  for (const Tensor& w : absolute) x = linear(x, w);
  const Tensors gradients = grad(sum(x), absolute);
  std::vector<Tensor> scores;
  for (std::size_t l = 0; l < weights.size(); ++l) scores.push_back(prune::synflow(weights[l], gradients[l]));
  return scores;
}
