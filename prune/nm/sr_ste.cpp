#include "prune/nm/sr_ste.h"

#include <cmath>

#include "core/ops.h"

namespace bonsai::prune {

SrSte::SrSte(std::vector<nn::Parameter*> weights, NM p, double lambda) : weights_(std::move(weights)), pattern_(p), lambda_(lambda) {
  require(!weights_.empty(), "SR-STE: no weights to prune");
  require(std::isfinite(lambda_) && lambda_ >= 0, "SR-STE: lambda {} is not 0 or more", lambda_);
  for (const nn::Parameter* w : weights_) {
    require(!w->is_masked() && !w->is_packed() && !w->soft_mask().defined(), "SR-STE: \"{}\" is pruned already; start from a dense weight", w->name());
    const std::string refusal = nm_refusal(w->shape(), p);
    require(refusal.empty(), "SR-STE: \"{}\" {} cannot be pruned to {}: {}", w->name(), w->shape(), p.str(), refusal);
  }
}

void SrSte::before_step(std::int64_t) {
  NoGrad off;
  for (nn::Parameter* w : weights_) w->set_soft_mask(nm_mask(w->name(), abs(w->leaf().detach()), pattern_));
}

void SrSte::after_backward(std::int64_t) {
  NoGrad off;
  for (nn::Parameter* w : weights_) {
    Tensor g = w->gradient();
    if (!g.defined()) continue;
    const Tensor value = w->leaf().detach();
    copy_into(g, g.detach() + lambda_ * where(w->soft_mask(), zeros_like(value), value));  // (srste.1)
  }
}

void SrSte::finish() {
  NoGrad off;
  for (nn::Parameter* w : weights_) {
    const Tensor mask = nm_mask(w->name(), abs(w->leaf().detach()), pattern_);
    w->set_soft_mask({});
    w->set_mask(mask);
  }
}

}  // namespace bonsai::prune
