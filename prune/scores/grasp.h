// GraSP: keep the connections through which gradient flows. Removing a weight changes the squared norm of the gradient, the rate at
// which the loss will fall, by about -2 w (H g); the paper scores -w (H g) and removes the highest, we score w (H g) and remove the lowest.
//
//   s = w · (H g)                                      higher = keep
//
// H g is one Hessian-vector product of the loss with its own gradient, exact; the loss is taken with logits divided by T = 200.
// Assumes that what eases the first step eases training. Cost: a few backward passes.
// Wang, Zhang and Grosse, "Picking winning tickets before training by preserving gradient flow", ICLR 2020.
#pragma once
#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

// products: H g for each weight.
inline Tensor grasp(const Tensor& w, const Tensor& product) { return w.detach() * product; }  // (grasp.1)

}  // namespace bonsai::prune
