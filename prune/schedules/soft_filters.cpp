#include "prune/schedules/soft_filters.h"

#include <set>

#include "prune/scores/fpgm_mix.h"

namespace bonsai::prune {
namespace {

FiltersKept lowest_go(double ratio, Tensor (*score)(const Tensor& w)) {
  count(ratio, 1, "soft filters");  // refuses what is no ratio
  return [=](const Tensor& w) { return remove_lowest({{"filters", score(w), {}}}, count(ratio, w.size(0)))[0]; };
}

}  // namespace

FiltersKept keep_by_l2(double ratio) {
  return lowest_go(ratio, [](const Tensor& w) { return channel_norm(w, 2, 0); });
}
FiltersKept keep_by_fpgm(double ratio) {
  return lowest_go(ratio, [](const Tensor& w) { return fpgm(w); });
}
FiltersKept keep_by_fpgm_mix(double ratio) {
  count(ratio, 1, "soft filters");
  return [=](const Tensor& w) { return fpgm_mix(w, {.by_norm = ratio / 4, .by_distance = 3 * ratio / 4}); };
}

SoftFilters::SoftFilters(std::vector<nn::Parameter*> weights, FiltersKept kept, std::int64_t every, std::int64_t steps)
    : weights_(std::move(weights)), kept_(std::move(kept)), every_(every), steps_(steps) {
  require(!weights_.empty(), "soft filters: no weights to prune; pass those of the convolutions");
  require(static_cast<bool>(kept_), "soft filters: needs a function that says which filters stay, such as keep_by_l2(0.3)");
  require(every_ >= 1 && steps_ >= 1, "soft filters: every {} of {} steps makes no sense; both must be 1 or more", every_, steps_);
  std::set<std::string> names;
  for (const nn::Parameter* p : weights_) {
    require(p->shape().rank() >= 2 && p->numel() > 0, "soft filters: \"{}\" {} has no filters; pass weights (out, ...)", p->name(), p->shape());
    require(!p->is_masked() && !p->is_packed() && !p->soft_mask().defined(), "soft filters: \"{}\" is pruned already; start from a dense weight", p->name());
    require(names.insert(p->name()).second, "soft filters: \"{}\" comes twice", p->name());
  }
  choose("before the training");
}

std::vector<Tensor> SoftFilters::choose(const std::string& when) const {
  std::vector<Tensor> masks;
  for (const nn::Parameter* p : weights_) {
    const std::int64_t filters = p->shape()[0], size = p->numel() / filters;
    Tensor m;
    try {
      m = kept_(p->leaf().detach());
    } catch (const Error& e) { fail("soft filters: \"{}\" {}: {}", p->name(), when, e.what()); }
    require(m.defined() && m.dtype() == DType::u8 && m.shape() == Shape{filters}, "soft filters: \"{}\" has {} filters, so what stays must be u8 ({}), got {}", p->name(),
            filters, filters, m.defined() ? fmt::format("{} {}", name(m.dtype()), m.shape()) : "an undefined tensor");
    Tensor each = empty(p->shape(), DType::u8);
    std::int64_t stay = 0;
    for (std::int64_t i = 0; i < p->numel(); ++i) stay += each.mutable_data<std::uint8_t>()[i] = m.data<std::uint8_t>()[i / size] != 0;
    require(stay > 0, "soft filters: all {} filters of \"{}\" would go; leave one", filters, p->name());
    masks.push_back(each);
  }
  return masks;
}

void SoftFilters::after_update(std::int64_t iteration, double) {
  const std::int64_t done = iteration + 1;
  if (done % every_ != 0 && done != steps_) return;
  NoGrad off;
  const std::vector<Tensor> masks = choose(fmt::format("after step {}", iteration));  // (of all, before any is touched)
  for (std::size_t k = 0; k < weights_.size(); ++k) {
    Tensor& w = weights_[k]->leaf();
    copy_into(w, where(masks[k], w.detach(), zeros_like(w.detach())));  // (sfp.1)
  }
  if (done == steps_) last_ = masks;
}

void SoftFilters::finish() {
  require(!last_.empty(), "soft filters: the training ended before step {}, which is the last one of {}; what was pruned has grown again", steps_ - 1, steps_);
  for (std::size_t k = 0; k < weights_.size(); ++k) weights_[k]->set_mask(last_[k]);
}

}  // namespace bonsai::prune
