// Pruning along a ramp while training goes on: before each step t that is due (gradual.h) the weights are brought to the sparsity s(t) by
// any method of the registry, and training goes on with what is left.
//
//   before step t = t0, t0 + dt, ..., t0 + n dt:   prune_to(method, s(t))
//
// The method brings its score, its scope (each layer to s(t), or all of them together) and its compensation, if it has one (OBS,
// WoodFisher). A mask only ever loses entries, counts are exact, and after t0 + n dt the masks are frozen. A ramp with one update prunes in
// one shot; an exponential one removes the same fraction of what remains at every update, which is iterative pruning.
// Cost: the method's own, n times. Zhu and Gupta, "To prune, or not to prune", 2017 (with magnitude, layer by layer).
#pragma once
#include <functional>

#include "prune/during.h"
#include "prune/registry.h"
#include "prune/schedules/gradual.h"

namespace bonsai::prune {

class GradualPruning : public During {
 public:
  // inputs(t): what the score may look at before step t. A pure function of t (examples too), so that a training can be taken up anywhere.
  using Inputs = std::function<ScoreInputs(std::int64_t iteration)>;
  GradualPruning(const Method& method, const Gradual& schedule, Inputs inputs);
  GradualPruning(const Method& method, const Gradual& schedule, ScoreInputs inputs)  // the same at every step
      : GradualPruning(method, schedule, [inputs = std::move(inputs)](std::int64_t) { return inputs; }) {}

  void before_step(std::int64_t iteration) override;
  void finish() override;  // throws if the training ended before the ramp did

 private:
  Method method_;
  Gradual schedule_;
  Inputs inputs_;
  std::int64_t last_ = -1;  // the last step seen
};

}  // namespace bonsai::prune
