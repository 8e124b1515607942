// The training loop, and measuring. It takes batches from any source and calls hooks, so it knows neither data sets nor pruning.
#pragma once
#include <functional>
#include <vector>

#include "core/batch.h"
#include "nn/module.h"
#include "nn/optimizers.h"
#include "nn/schedules.h"

namespace bonsai::nn {

struct Measure {
  double loss;      // mean cross-entropy
  double accuracy;  // percent correct
};

// Loss and accuracy of a network on a whole set, in evaluation mode; a thousand examples at a time, a hundred of CIFAR's pictures, fewer of
// larger ones, so that memory stays bounded; and at most 64 where a weight is packed, whose columns are then still in the cache when they are used.
Measure evaluate(Module& net, const Tensor& inputs, const Tensor& labels);

// Running statistics anew, for weights that were not trained into their place (averaged, interpolated, pruned): from those of a new network,
// `count` batches are passed through in training mode. Of a BatchNorm of momentum 0.1 there is 0.9^count left of what they began with.
void estimate_statistics(Module& net, const BatchSource& batches, std::int64_t count);

struct TrainOptions {
  std::int64_t first = 0;           // the iteration to start from (rewinding and resuming start later)
  std::int64_t iterations;          // the iteration to stop before
  Schedule rate;
  std::int64_t evaluate_every = 0;  // 0: never
  bool evaluate_first = true;       // also before the first step (a training that is taken up has done so already)
  std::function<Tensor(const Tensor& outputs, const Batch& batch)> loss = {};  // none: cross_entropy
};

struct Hooks {
  std::function<void(std::int64_t iteration)> before_step = {};
  std::function<void(std::int64_t iteration)> after_backward = {};  // the gradients are there, the step is not yet taken
  std::function<void(std::int64_t iteration, double rate)> after_update = {};  // the step is taken, with that learning rate; proximal steps go here
  std::function<void(std::int64_t done)> evaluate = {};  // when evaluate_every, 2 evaluate_every, ... and all steps are done
  std::function<void(std::int64_t done, double loss)> after_step = {};  // after the evaluation, if one was due
};

// for i = first .. iterations-1: loss = cross_entropy(net(inputs), labels), or what the options say, of batch i; backward; optimizer step.
// A loss that is not finite stops with an Error that says at which iteration. On a GPU the step is recorded and played (nn/recorded_step.h), unless there is an
// after_backward, a loss of one's own or a layer that draws random numbers.
void train(Module& net, Optimizer& optimizer, const BatchSource& batches, const TrainOptions& options, const Hooks& hooks = {});

// One row of a training's record.
struct Evaluation {
  std::int64_t iteration;
  Measure validation, test;
};

// The evaluation with the smallest validation loss, the earliest among equals: where early stopping would have stopped, found
// afterwards (Frankle and Carbin's definition). Throws when there is none.
const Evaluation& early_stop(const std::vector<Evaluation>& record);

}  // namespace bonsai::nn
