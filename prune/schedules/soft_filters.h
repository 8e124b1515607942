// Soft filter pruning: at the end of every epoch the filters that are worth least are set to 0, and then they train on like all others. A filter that
// was put down by mistake grows again, and another goes in its place at the next epoch; only at the end of the training is it for good.
//
//   W_i ← m_i W_i,  m = kept(W)        after every `every` steps, and after the last one;  m anew each time, from all filters
//
//   kept   l2          all but the ratio r with the smallest ‖W_i‖₂                   (channel_norm.h; soft filter pruning, SFP)
//          fpgm        all but the ratio r that the others can stand in for            (fpgm.h)
//          fpgm mix    r/4 by the norm, then 3r/4 by FPGM: the paper's "mix 40%" is 10% and 30%     (fpgm_mix.h)
//
// Values are set to 0, not masked: forward pass, gradient, decay and momentum are those of a weight that happens to be 0, so the momentum of before
// moves it at once, as in the authors' code. All that decides what comes next is in the weights and the step, so there is no state to keep.
// Shapes: weights (out, ...) of two axes or more; m (out). A filter's bias, and γ and β of the BatchNorm behind it, stay as they are, so its channel
// may go on saying a constant: to cut it out (structure/surgery.h) prune the whole channel, which then is another function.
// Assumes epochs enough for what comes back to earn its place, and a rate that has fallen by the end: after the last step nothing recovers.
// Cost: the choice, once in `every` steps; for FPGM n² d / 2 multiply-adds a layer of n filters of d weights.
// He et al., "Soft filter pruning for accelerating deep convolutional neural networks", IJCAI 2018; He et al., "Filter pruning via geometric
// median ...", CVPR 2019, which trains by this protocol.
#pragma once
#include <functional>

#include "nn/parameter.h"
#include "prune/during.h"

namespace bonsai::prune {

using FiltersKept = std::function<Tensor(const Tensor& w)>;  // w (out, ...) -> u8 (out): 1 for the filters that stay

// The three of above, at a ratio of each layer's filters, counted exactly.
FiltersKept keep_by_l2(double ratio);
FiltersKept keep_by_fpgm(double ratio);
FiltersKept keep_by_fpgm_mix(double ratio);

class SoftFilters : public During {
 public:
  // every: the steps of an epoch; steps: those of the whole training, counted from 0. Refuses parameters that are pruned already, and asks `kept`
  // once, so that a share that would empty a layer is refused before the training and not after its first epoch.
  SoftFilters(std::vector<nn::Parameter*> weights, FiltersKept kept, std::int64_t every, std::int64_t steps);

  void after_update(std::int64_t iteration, double rate) override;
  void finish() override;  // the last choice becomes hard masks; throws if the last step has not been seen

 private:
  std::vector<Tensor> choose(const std::string& when) const;  // masks, each as its weight
  std::vector<nn::Parameter*> weights_;
  FiltersKept kept_;
  std::int64_t every_, steps_;
  std::vector<Tensor> last_;  // the masks of the last step
};

}  // namespace bonsai::prune
