// Recovery by rewinding: the kept weights go back to the values they had at step k of training (k = 0: to their initial values), and
// training starts again from there. That is what makes a pruned network a lottery ticket.
//
//   w <- m w_k
//
// Only the weights go back: the optimizer's state starts from zero, and the learning rate goes on from step k.
// Frankle and Carbin, ICLR 2019 (k = 0); Frankle et al., "Stabilizing the lottery ticket hypothesis", 2019 (k > 0).
#pragma once
#include <vector>

#include "nn/module.h"

namespace bonsai::prune {

// The values of all parameters, to come back to.
inline std::vector<Tensor> snapshot(const std::vector<nn::Parameter*>& parameters) {
  std::vector<Tensor> values;
  for (const nn::Parameter* p : parameters) values.push_back(p->dense_values());
  return values;
}

// Their masks, in the same order (undefined: nothing is pruned); and back. set_masks leaves parameters without a mask as they are.
inline std::vector<Tensor> masks_of(const std::vector<nn::Parameter*>& parameters) {
  std::vector<Tensor> masks;
  for (const nn::Parameter* p : parameters) masks.push_back(p->dense_mask());
  return masks;
}

// Running statistics, in the order of the network's buffers(); and back.
inline std::vector<Tensor> snapshot_buffers(nn::Module& net) {
  std::vector<Tensor> values;
  for (auto& [name, b] : net.buffers()) values.push_back(clone(*b));
  return values;
}

inline void set_buffers(nn::Module& net, const std::vector<Tensor>& values) {
  const auto all = net.buffers();
  require(values.size() == all.size(), "a network with {} buffers cannot take {}", all.size(), values.size());
  for (std::size_t i = 0; i < all.size(); ++i) *all[i].second = clone(values[i]);
}

inline void set_masks(const std::vector<nn::Parameter*>& parameters, const std::vector<Tensor>& masks) {
  require(masks.size() <= parameters.size(), "set_masks: {} parameters and {} masks", parameters.size(), masks.size());
  for (std::size_t i = 0; i < masks.size(); ++i)
    if (masks[i].defined()) parameters[i]->set_mask(masks[i]);
}

inline void rewind(const std::vector<nn::Parameter*>& parameters, const std::vector<Tensor>& values) {
  require(parameters.size() == values.size(), "rewind: {} parameters and {} values", parameters.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) parameters[i]->set(values[i]);  // (lth.1): set() keeps pruned entries at 0
}

}  // namespace bonsai::prune
