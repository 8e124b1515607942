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

// 7x7 digits: MNIST's first `examples` training images, averaged over 4x4 pixels; 49 - hidden (tanh) - 10, cross-entropy.
SmallNet digits_net(const datasets::Dataset& mnist, std::int64_t examples, std::int64_t hidden, double decay);

// The truth about deleting weight q of all n, counted through all parameters: the objective's change when it is made 0 and the others stay,
// and when they then settle in the nearest minimum without it. The network is at a minimum, and is left there.
double change_alone(SmallNet& s, std::int64_t q);
// Minimises twice, from the weights as they stand and from where OBS would move them, and takes the better. For up to some hundred weights.
double change_compensated(SmallNet& s, std::int64_t q);
// From where OBS moves them, with the minimum's own inverse Hessian for all steps. For up to a few thousand weights.
double change_settled(SmallNet& s, const Tensor& inverse, std::int64_t q);

// Draws initial weights and trains to a minimum, again and again until `good` trainings have reached `wanted` percent on the training
// examples, at most 50 times; keeps the lowest minimum of these. Returns how many trainings missed; throws when too many did.
int train_to_minimum(SmallNet& s, Random random, double wanted, int good = 1);

}  // namespace bonsai::experiments
