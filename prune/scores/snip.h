// SNIP: which connections matter before anything has been learned? Put a gate c = 1 on each weight and see how the loss reacts to it.
//
//   s = |dL/dc| / Σ|dL/dc|,  dL/dc = g w at c = 1,  g = dL/dw on one batch
//
// Dividing by the sum (over the whole network) leaves the order as it is; the scores become comparable between batches.
// Assumes that the loss's reaction at the start says something about the end. Cost: one backward pass.
// Lee, Ajanthan and Torr, "SNIP: single-shot network pruning based on connection sensitivity", ICLR 2019.
#pragma once
#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

inline std::vector<Tensor> snip(const std::vector<Tensor>& weights, const std::vector<Tensor>& gradients) {
  std::vector<Tensor> scores;
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    scores.push_back(abs(gradients[i] * weights[i].detach()));
    total += sum(cast(scores.back(), DType::f64)).item();
  }
  for (Tensor& s : scores) s = total > 0 ? s / total : s;  // (snip.1)
  return scores;
}

}  // namespace bonsai::prune
