// A training step that on a device is recorded once and played from then on (core/recording.h): on a GPU one call starts it, instead of one a kernel. On the CPU it is just taken.
//
//   RecordedStep step(net, optimizer);
//   const double loss = step(batch, rate);
//
// It records anew when the network has changed under it: other weights, masks or patterns (a rewind keeps them; pruning does not).
#pragma once
#include <memory>
#include <vector>

#include "core/batch.h"
#include "core/recording.h"
#include "nn/module.h"
#include "nn/optimizers.h"

namespace bonsai::nn {

class RecordedStep {
 public:
  // loss(outputs, labels): one number, or one for each of several networks, by operations alone. What is differentiated is their sum.
  using Loss = std::function<Tensor(const Tensor& outputs, const Tensor& labels)>;
  RecordedStep(Module& net, Optimizer& optimizer, Loss loss) : net_(net), optimizer_(optimizer), loss_(std::move(loss)) {}

  // Whether a step of this network can be recorded: it lies on a device, and draws no random numbers (they would be the same in every step).
  static bool fits(Module& net);

  // Takes the step; returns the losses before it.
  std::vector<double> operator()(const Batch& batch, double rate);

 private:
  void record(const Batch& batch);
  void step();
  std::vector<const void*> places() const;  // where everything lies that the recording knows
  Module& net_;
  Optimizer& optimizer_;
  Loss loss_;
  Tensor inputs_, labels_, value_;
  std::vector<Tensor> buffers_;  // of the network, where the recording leaves them
  std::vector<const void*> places_;
  std::unique_ptr<Recording> recording_;
};

}  // namespace bonsai::nn
