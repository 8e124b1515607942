#include "prune/structure/group_lasso_training.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace bonsai::prune {
namespace {

// The bias, where it counts to a family's groups.
Tensor bias_in(const Penalised& layer, Groups groups) {
  const bool counts = layer.bias && (groups == Groups::filters || groups == Groups::layer);
  return counts ? layer.bias->leaf().detach() : Tensor();
}

void require_plain(const nn::Parameter& p) {
  require(!p.is_packed(), "group lasso: \"{}\" is packed, and its groups are not there to be seen; unpack() it first", p.name());
  require(!p.soft_mask().defined(), "group lasso: \"{}\" has a soft mask, behind which nothing is 0; make it a hard one first", p.name());
}

}  // namespace

GroupLasso::GroupLasso(std::vector<Penalised> layers, const GroupLassoOptions& o) : layers_(std::move(layers)), o_(o) {
  require(!layers_.empty(), "group lasso: no weights to penalise");
  require(o.momentum >= 0 && o.momentum < 1, "group lasso: a momentum is at least 0 and below 1, got {}", o.momentum);
  require(o.steps >= 0, "group lasso: the penalty cannot act for {} steps", o.steps);
  std::set<std::string> names;
  for (const Penalised& l : layers_) {
    require(names.insert(l.weight->name()).second, "group lasso: \"{}\" comes twice; give it several penalties", l.weight->name());
    require_plain(*l.weight);
    for (const Penalty& p : l.penalties) {
      group_norms(l.weight->name(), l.weight->leaf(), p.groups, bias_in(l, p.groups));
      group_lasso(l.weight->leaf(), p, bias_in(l, p.groups));  // these refuse what makes no sense
    }
  }
}

void GroupLasso::before_step(std::int64_t iteration) {
  if (iteration == o_.steps) mask_zero_groups();
}

void GroupLasso::after_update(std::int64_t iteration, double rate) {
  if (iteration >= o_.steps) return;
  require(std::isfinite(rate) && rate >= 0, "group lasso: the step must be 0 or more, got {}", rate);
  for (const Penalised& l : layers_) {  // refuse what is not finite before anything has changed: a family has all weights, and perhaps the biases
    require_plain(*l.weight);
    const Penalty* most = nullptr;
    for (const Penalty& p : l.penalties)
      if (!most || bias_in(l, p.groups).defined()) most = &p;
    if (most) group_norms(l.weight->name(), l.weight->leaf(), most->groups, bias_in(l, most->groups));
  }
  NoGrad off;
  for (const Penalised& l : layers_)
    for (const Penalty& p : l.penalties) {
      Tensor w = l.weight->leaf().detach();  // (shares the leaf's storage)
      proximal_step(w, p, rate / (1 - o_.momentum), bias_in(l, p.groups));
    }
  if (o_.freeze) mask_zero_groups();
}

void GroupLasso::finish() { mask_zero_groups(); }

void GroupLasso::mask_zero_groups() {
  for (const Penalised& l : layers_) {
    const ZeroGroups zero = zero_groups(*l.weight);
    auto narrow = [](nn::Parameter& p, Tensor mask) {  // a mask only ever loses entries, and is set only when it does
      std::int64_t kept = 0;
      const auto now = mask.mutable_data<std::uint8_t>();
      for (std::size_t i = 0; i < now.size(); ++i) {
        if (p.is_masked()) now[i] &= p.mask().data<std::uint8_t>()[i];
        kept += now[i];
      }
      if (kept < p.kept()) p.set_mask(mask);
    };
    narrow(*l.weight, zero.mask);
    if (!l.bias) continue;
    Tensor biases = ones(l.bias->shape(), DType::u8);
    for (const std::int64_t f : zero.filters)
      if (l.bias->leaf().at(f) == 0) biases.mutable_data<std::uint8_t>()[static_cast<std::size_t>(f)] = 0;
    narrow(*l.bias, biases);
  }
}

std::vector<GroupLasso::Count> GroupLasso::zeros() const {
  std::vector<Count> all;
  for (const Penalised& l : layers_)
    for (const Penalty& p : l.penalties) {
      const std::vector<double> norms = group_norms(l.weight->name(), l.weight->leaf(), p.groups, bias_in(l, p.groups));
      all.push_back({l.weight->name(), p.groups, static_cast<std::int64_t>(norms.size()), std::count(norms.begin(), norms.end(), 0.0)});
    }
  return all;
}

double GroupLasso::penalty() const {
  double total = 0;
  for (const Penalised& l : layers_)
    for (const Penalty& p : l.penalties) total += group_lasso(l.weight->leaf(), p, bias_in(l, p.groups));
  return total;
}

}  // namespace bonsai::prune
