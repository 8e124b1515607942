// hint: norms = sqrt(sum(w * w, {1}, true)) has shape (out, 1) and stretches. A row of norm 0 divides by 0: what is max(0, 1 - ∞), and what is it times 0?
// reference: prune/structure/group_lasso.cpp (ssl.2)
#include "core/ops.h"
#include "prune/structure/group_lasso.h"

using namespace bonsai;

Tensor after_proximal_step(const Tensor& w, double eta, double lambda) {
  Tensor moved = clone(w);
  prune::proximal_step(moved, {.groups = prune::Groups::filters, .lambda = lambda}, eta);
  return moved;
}
