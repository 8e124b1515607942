// Every optimizer, with weight decay, by name; and one step of the small network.
#pragma once
#include "nn/optimizers.h"
#include "tests/nn/slow_mlp.h"
#include "tests/nn/support.h"

namespace bonsai::test {

using Parameters = std::vector<nn::Parameter*>;
using Made = std::unique_ptr<nn::Optimizer>;
struct NamedOptimizer {
  const char* name;
  Made (*make)(Parameters);
  Rule rule;    // the same, slowly
  double rate;
};

inline const NamedOptimizer every_optimizer[] = {
    {"sgd", [](Parameters p) -> Made { return std::make_unique<nn::SGD>(p, nn::SgdOptions{.weight_decay = 0.05}); }, slow_sgd, 0.3},
    {"momentum", [](Parameters p) -> Made { return std::make_unique<nn::SGD>(p, nn::SgdOptions{.momentum = 0.9, .weight_decay = 0.05}); },
     slow_momentum, 0.1},
    {"nesterov",
     [](Parameters p) -> Made { return std::make_unique<nn::SGD>(p, nn::SgdOptions{.momentum = 0.9, .weight_decay = 0.05, .nesterov = true}); },
     slow_nesterov, 0.1},
    {"adam", [](Parameters p) -> Made { return std::make_unique<nn::Adam>(p, nn::AdamOptions{.weight_decay = 0.05}); }, slow_adam, 0.05},
    {"adamw", [](Parameters p) -> Made { return std::make_unique<nn::AdamW>(p, nn::AdamOptions{.weight_decay = 0.05}); }, slow_adamw, 0.05},
};

inline double one_step(nn::Module& net, nn::Optimizer& optimizer, double rate, DType t = DType::f64) {
  const Tensor loss = cross_entropy(net(small_inputs(t)), small_labels());
  backward(loss);
  optimizer.step(rate);
  return loss.item();
}

}  // namespace bonsai::test
