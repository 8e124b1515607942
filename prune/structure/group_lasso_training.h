// Structured sparsity learning: group lasso (group_lasso.h) acting in a training. After every step of the optimizer, with its learning rate η,
// each penalised weight takes the proximal step of each of its families:
//
//   w <- optimizer's step(w, gradient of the loss alone)                      w <- step(w, η λ / (1 - μ))    family after family
//
// So what leaves is 0, not nearly 0, and a group at 0 stays there while the optimizer moves it by no more than η λ_g / (1 - μ) a step: until
// then the loss does not hold it. It comes back by itself when the loss asks for it, unless zero groups are frozen (a hard mask, for good).
//
// Momentum μ: heavy-ball steps add up, so that a steady gradient g moves a weight by η g / (1 - μ) a step. A proximal step of η λ would weigh
// only (1 - μ) λ against it; with η λ / (1 - μ) training rests where 0 ∈ ∇L + λ ∂R, as without momentum. Say which momentum the optimizer has.
//
// The paper's code (Caffe, branch scnn) does it another way: λ w_g / ‖w_g‖ joins the gradient, momentum and all, and weights below 1e-4 are set
// to 0 after each update. Both pull a group equally hard; there a group hovers around 0 by the size of a step and single weights are cut.
// For a fine-tuning without the penalty that code can freeze the zeros; here `steps` says for how many steps the penalty acts, and what is 0 then is masked.
// Weight decay, if any, is the optimizer's. Cost: that of group_lasso.h, a step. Masked weights take part, packed ones cannot.
// Wen et al., "Learning structured sparsity in deep neural networks", NIPS 2016.
#pragma once
#include <limits>

#include "prune/during.h"
#include "prune/structure/group_lasso.h"

namespace bonsai::prune {

struct Penalised {
  nn::Parameter* weight;
  std::vector<Penalty> penalties;  // in the order of their steps
  nn::Parameter* bias = nullptr;   // counts to the groups of families filters and layer
};

struct GroupLassoOptions {
  double momentum = 0;  // the optimizer's
  bool freeze = false;  // mask a group as soon as it is 0
  std::int64_t steps = std::numeric_limits<std::int64_t>::max();  // before step `steps` zero groups are masked, and the penalty ends
};

class GroupLasso : public During {
 public:
  GroupLasso(std::vector<Penalised> layers, const GroupLassoOptions& o = {});

  void before_step(std::int64_t iteration) override;
  void after_update(std::int64_t iteration, double rate) override;
  void finish() override;  // zero groups are masked

  struct Count {
    std::string weight;
    Groups groups;
    std::int64_t size, zero;  // groups, and those at 0
  };
  std::vector<Count> zeros() const;  // of each weight and family that is penalised
  double penalty() const;            // R, all of it

 private:
  void mask_zero_groups();
  std::vector<Penalised> layers_;
  GroupLassoOptions o_;
};

}  // namespace bonsai::prune
