// Pruning while training goes on: gradual pruning, movement, SET, RigL. The training loop calls these hooks (nn/train.h); between two
// calls everything that decides what comes next is in the weights, the masks and state(), so that a training can be taken up anywhere.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace bonsai::prune {

class During {
 public:
  virtual ~During() = default;
  virtual void before_step(std::int64_t iteration) { (void)iteration; }     // here masks change
  virtual void after_backward(std::int64_t iteration) { (void)iteration; }  // here gradients are seen, before the optimizer uses them
  virtual void after_update(std::int64_t iteration, double rate) { (void)iteration, (void)rate; }  // here weights have moved, by a step of that rate
  virtual void finish() {}                                                  // after the last step: soft masks become hard
  virtual std::vector<std::pair<std::string, Tensor>> state() const { return {}; }  // what it keeps besides weights and hard masks, by name
  virtual void load_state(const std::vector<std::pair<std::string, Tensor>>& state) { (void)state; }
};

}  // namespace bonsai::prune
