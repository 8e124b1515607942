// The control for where a ticket's weights are: masks that keep as many weights of every layer, at random places.
//
//   m' uniform among the masks with Σ m' = Σ m, layer by layer
//
// With the weights that the ticket starts from (w <- m' w_k) it changes the places and nothing else, as new weights under the ticket's own
// mask change the weights and nothing else. Assumes that a layer's number of weights is not itself the finding: it is kept.
// Cost: one random number a weight. Frankle and Carbin, ICLR 2019 (figure 1 and appendix F: random sparsity).
#pragma once
#include "core/random.h"
#include "prune/select.h"

namespace bonsai::prune {

// One mask for each of `masks` (u8; undefined: keeps everything, and so does its answer).
inline std::vector<Tensor> random_masks(const std::vector<Tensor>& masks, Random stream) {
  std::vector<Tensor> shuffled;
  for (const Tensor& m : masks) {
    if (!m.defined()) {
      shuffled.emplace_back();
      continue;
    }
    std::int64_t pruned = m.numel();
    for (std::uint8_t kept : m.data<std::uint8_t>()) pruned -= kept;
    shuffled.push_back(remove_lowest({{"random mask", stream.uniform(m.shape()), {}}}, pruned)[0]);  // (lth.4)
  }
  return shuffled;
}

}  // namespace bonsai::prune
