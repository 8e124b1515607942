// Networks small enough for the truth: tens to a few thousand weights, trained in f64 to a minimum of
//
//   E(w) = mean loss over the training examples + decay/2 |w|²        w: all parameters, biases too
//
// where the exact Hessian is at hand and every weight can be deleted for real. What saliency_faceoff and obs_monks are about.
#pragma once
#include <memory>
#include <string>

#include "datasets/monks.h"
#include "nn/layers.h"
#include "nn/minimise.h"
#include "prune/registry.h"

namespace bonsai::experiments {

struct SmallNet {
  std::string name;
  std::unique_ptr<nn::Sequential> net;
  Tensor inputs, targets;            // f64; targets (n, 1) f64 for squared error, (n) i64 for cross-entropy
  Tensor test_inputs, test_targets;  // may be undefined
  Tensor (*loss)(const Tensor& outputs, const Tensor& targets);
  double decay;

  Tensor objective() const;
  prune::ScoreInputs score_inputs() const;                                  // all parameters, biases too
  double accuracy(const Tensor& x, const Tensor& y) const;                  // percent right; a squared-error net says 1 above ½
  double train_accuracy() const { return accuracy(inputs, targets); }
  double test_accuracy() const { return accuracy(test_inputs, test_targets); }
  nn::Minimum minimise() const { return nn::minimise([this] { return objective(); }, net->parameters()); }
};

// ½ mean over examples of |output - target|², the 1993 paper's error.
Tensor half_squared_error(const Tensor& outputs, const Tensor& targets);

// inputs - hidden (tanh) - 1 (sigmoid), squared error.
SmallNet sigmoid_net(std::string name, std::int64_t hidden, double decay, const Tensor& inputs, const Tensor& labels);
SmallNet monks_net(const datasets::Monks& data, std::string name, std::int64_t hidden, double decay);

// Draws initial weights and trains to a minimum, again and again until the training accuracy reaches `wanted` (percent), at most 50
// times. Returns how many times it began anew; throws when it never got there.
int train_to_minimum(SmallNet& s, Random random, double wanted);

}  // namespace bonsai::experiments
