// Dynamic sparse training: a network that is sparse from the first step to the last, and moves its connections while it learns. Every dt
// steps, until t_end, in each layer alone:
//
//   f(t) = f₀/2 (1 + cos(π t / t_end)),   k = f(t) times the layer's kept weights
//   drop   the k kept weights with the smallest |w|
//   grow   k of those that are not kept then, the just dropped among them:
//            RigL   those with the largest |dL/dw|, the dense gradient on the step's own batch, taken before the drop
//            SET    any, at random
//   a grown weight starts at 0 with fresh optimizer state; all others keep value and state
//
// The density of each layer is the same at every moment; what it is says erdos_renyi.h. A layer that keeps everything is left alone.
// The dense gradient needs no dense weights: a pruned weight is 0, so without its mask the network computes the same function.
// Where the papers differ: SET drops the smallest positive and the largest negative weights apart, at the end of each epoch and always the
// fraction (here one comparison and the cosine, as RigL's authors run SET); RigL's algorithm moves connections instead of taking the
// step, here the step follows; its code lets a weight that is dropped and grown in one move keep its value, here it starts at 0.
// Assumes a training long enough to move. Cost: RigL a dense forward and backward pass every dt steps, SET n random numbers; both two
// selections. Mocanu et al., Nature Communications 9, 2018 (SET); Evci et al., "Rigging the lottery", ICML 2020 (RigL).
#pragma once
#include "core/batch.h"
#include "core/random.h"
#include "nn/module.h"
#include "prune/during.h"

namespace bonsai::prune {

enum class Growth { random, gradient };  // SET, RigL

struct Dynamic {
  double alpha = 0.3;        // the fraction dropped at first
  std::int64_t every = 100;  // dt
  std::int64_t end = 0;      // t_end: no move from here on
  Growth growth = Growth::gradient;

  bool due(std::int64_t t) const { return t > 0 && t < end && t % every == 0; }  // (before step 0 nothing has been learned)
  double drop_fraction(std::int64_t t) const;
};

// One layer's move: `kept` is the mask after the drop, `grown` opens as many as were dropped; both u8. The k smallest |w| of `mask` go,
// and of what is not kept then the k with the highest `growth` come. Ties: the lowest index goes, and comes, first.
struct Move {
  Tensor kept, grown;
};
Move drop_and_grow(const std::string& name, const Tensor& w, const Tensor& mask, const Tensor& growth, std::int64_t k);

// dL/dw of the mean cross-entropy on a batch for every entry, pruned ones too. The network is left as it was, state of layers included.
std::vector<Tensor> dense_gradients(nn::Module& net, const std::vector<nn::Parameter*>& parameters, const Batch& batch);

class DynamicSparse : public During {
 public:
  // The parameters have their masks already (random_masks). batches: those of the training (RigL); random: where SET grows.
  DynamicSparse(nn::Module& net, std::vector<nn::Parameter*> parameters, const Dynamic& schedule, BatchSource batches, Random random);
  void before_step(std::int64_t iteration) override;

 private:
  std::vector<Tensor> growth_scores(std::int64_t iteration);
  nn::Module& net_;
  std::vector<nn::Parameter*> parameters_;
  Dynamic schedule_;
  BatchSource batches_;
  Random random_;
};

}  // namespace bonsai::prune
