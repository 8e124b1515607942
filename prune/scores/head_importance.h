// Head importance: how much does the loss react to a gate on an attention head's output?
//
//   s_h = mean over the examples of | dL/dξ_h |,  ξ_h = 1 a gate that head h's output A_h (t, d) is multiplied with          higher = keep
//   s_h / √(Σ_j s_j²)                                                        within a layer, as in the paper, to compare heads of several
//
// dL/dξ_h = Σ_{t,d} A_h · dL/dA_h: it is the same product as the channel Taylor score (channel_taylor.h), with the head as the channel, the t · d
// numbers of its output as the positions, and their sum instead of their mean. So no gate has to be built in.
// Assumes that a head's removal is a small step, and heads of one layer that can stand in for each other are each scored as if alone.
// Cost: one backward pass that keeps dL/dA. Michel, Levy and Neubig, "Are sixteen heads really better than one?", NeurIPS 2019.
#pragma once
#include "prune/scores/channel_taylor.h"

namespace bonsai::prune {

class HeadImportance {
 public:
  // Both (n, heads, t, d), the heads' outputs before they are put together; the gradients of the SUM of the examples' losses.
  void add(const Tensor& outputs, const Tensor& gradients) {
    require(outputs.defined() && outputs.rank() == 4, "head importance: the heads' outputs must be (n, heads, t, d), got {}",
            outputs.defined() ? str(outputs.shape()) : "an undefined tensor");
    products_.add(outputs, gradients);
  }

  Tensor scores(bool normalized = true) const {  // (heads) f64
    const Tensor reaction = products_.scores();  // (michel.1)
    return normalized ? l2_normalized(reaction) : reaction;
  }

 private:
  ChannelTaylor products_{OverPositions::sum};
};

}  // namespace bonsai::prune
