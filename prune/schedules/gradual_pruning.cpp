#include "prune/schedules/gradual_pruning.h"

namespace bonsai::prune {

GradualPruning::GradualPruning(const Method& method, const Gradual& schedule, Inputs inputs)
    : method_(method), schedule_(schedule), inputs_(std::move(inputs)) {
  require(static_cast<bool>(inputs_), "gradual: needs to know what \"{}\" may look at; pass ScoreInputs or a function of the iteration", method_.name);
  require(schedule_.start >= 0, "gradual: the first update cannot come before step {}", schedule_.start);
  schedule_.sparsity(0);  // refuses a ramp that makes no sense
}

void GradualPruning::before_step(std::int64_t iteration) {
  last_ = iteration;
  const double sparsity = schedule_.sparsity(iteration);
  if (schedule_.due(iteration) && sparsity > 0) prune_to(method_, inputs_(iteration), sparsity);  // (gmp.4)
}

void GradualPruning::finish() {
  const bool there = last_ >= schedule_.start && schedule_.sparsity(last_) >= schedule_.final;
  require(there, "gradual: the training ended with step {}, at a sparsity of {}; the ramp reaches {} before step {}; train longer or prune earlier", last_,
          last_ < schedule_.start ? 0 : schedule_.sparsity(last_ - (last_ - schedule_.start) % schedule_.every), schedule_.final,
          schedule_.start + schedule_.every * schedule_.times);
}

}  // namespace bonsai::prune
