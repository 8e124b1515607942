#include "prune/schedules/movement.h"

#include <cmath>
#include <set>

#include "prune/scores/magnitude.h"
#include "prune/scores/movement.h"
#include "prune/scores/random.h"

namespace bonsai::prune {

Tensor movement_penalty(const Tensor& scores, double share) {
  const Tensor s = sigmoid(scores);
  return share * (s * (1 - s));  // (mov.4)
}

Movement::Movement(std::vector<nn::Parameter*> parameters, const MovementOptions& o) : parameters_(std::move(parameters)), o_(o) {
  require(!parameters_.empty(), "movement: no parameters to prune; pass prunable(net)");
  require(std::isfinite(o.rate) && o.rate > 0, "movement: the scores' learning rate must be above 0, got {}", o.rate);
  require(!o.soft || o.by == By::movement, "movement: only movement scores can be pruned by a threshold and a penalty");
  require(!o.soft || (std::isfinite(o.lambda) && o.lambda >= 0 && std::isfinite(o.threshold)),
          "movement: the penalty {} must be 0 or more, and the threshold {} a number", o.lambda, o.threshold);
  o.ramp.sparsity(0);  // refuses what makes no sense
  require(!o.soft || o.ramp.final > 0, "movement: the ramp of the penalty ends at 0; its final sparsity must be above 0");
  std::set<std::string> names;
  for (const nn::Parameter* p : parameters_) {
    require(p->numel() > 0, "movement: \"{}\" {} has no weights", p->name(), p->shape());
    require(names.insert(p->name()).second, "movement: \"{}\" comes twice", p->name());
    total_ += p->numel();
    scores_.push_back(o.by == By::random ? random_scores(p->leaf(), o.random.derive(p->name())) : zeros_like(p->leaf().detach()));
  }
  hidden_.resize(parameters_.size());
}

// The masks of this step. What a hard mask pruned before stays pruned, and the share counts among the others.
std::vector<Tensor> Movement::masks_at(std::int64_t iteration) const {
  std::vector<Candidate> all;
  std::vector<std::int64_t> left;  // of each, before this
  std::int64_t together = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const nn::Parameter& p = *parameters_[i];
    all.push_back({p.name(), o_.by == By::magnitude ? magnitude(p.leaf()) : scores_[i], p.mask()});
    left.push_back(p.is_masked() ? static_cast<std::int64_t>(sum(p.mask()).item()) : p.numel());
    together += left.back();
  }
  std::vector<Tensor> masks;
  if (o_.soft) {
    for (const Candidate& c : all) masks.push_back(remove_below(c, std::nextafter(o_.threshold, INFINITY)));  // (mov.3): s > τ
  } else if (const double sparsity = o_.ramp.sparsity(iteration); o_.scope == Scope::global) {
    masks = remove_lowest(all, count(sparsity, together));  // (mov.2)
  } else {
    for (std::size_t i = 0; i < all.size(); ++i) masks.push_back(remove_lowest({all[i]}, count(sparsity, left[i]))[0]);
  }
  require_no_empty_layer(all, masks);
  return masks;
}

void Movement::before_step(std::int64_t iteration) {
  NoGrad off;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {  // decay or momentum may have moved what is hidden: put it back
    nn::Parameter& p = *parameters_[i];
    if (hidden_[i].defined()) copy_into(p.leaf(), where(p.soft_mask(), p.leaf().detach(), hidden_[i]));
    hidden_[i] = {};
  }
  const std::vector<Tensor> masks = masks_at(iteration);
  for (std::size_t i = 0; i < masks.size(); ++i) parameters_[i]->set_soft_mask(masks[i]);
}

void Movement::after_backward(std::int64_t iteration) {
  NoGrad off;
  for (const nn::Parameter* p : parameters_)
    require(p->gradient().defined(), "movement: \"{}\" has no gradient; is it part of the loss?", p->name());
  const double share = o_.soft ? o_.lambda * o_.ramp.sparsity(iteration) / o_.ramp.final / static_cast<double>(total_) : 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    nn::Parameter& p = *parameters_[i];
    Tensor g = p.gradient();  // of all entries: straight through the soft mask
    if (o_.by == By::movement) {
      const Tensor pushed = o_.soft ? scores_[i] - o_.rate * movement_penalty(scores_[i], share) : scores_[i];
      scores_[i] = movement(pushed, p.leaf(), o_.rate * g.detach());
    }
    if (!p.soft_mask().defined()) continue;
    copy_into(g, where(p.soft_mask(), g.detach(), number(0, g)));  // (mov.5)
    hidden_[i] = clone(p.leaf().detach());
  }
}

void Movement::finish() {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    nn::Parameter& p = *parameters_[i];
    if (const Tensor mask = p.soft_mask(); mask.defined()) {
      p.set_soft_mask({});
      p.set_mask(mask);
    }
    hidden_[i] = {};
  }
}

std::vector<std::pair<std::string, Tensor>> Movement::state() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::string name = "movement." + parameters_[i]->name();
    all.emplace_back(name + ".scores", clone(scores_[i]));
    if (!parameters_[i]->soft_mask().defined()) continue;
    all.emplace_back(name + ".soft_mask", clone(parameters_[i]->soft_mask()));
    all.emplace_back(name + ".hidden", clone(hidden_[i].defined() ? hidden_[i] : parameters_[i]->leaf()));
  }
  return all;
}

void Movement::load_state(const std::vector<std::pair<std::string, Tensor>>& state) {
  // The tensor of this name, of p's shape and this type; undefined when there is none and there need not be one.
  auto find = [&](const nn::Parameter& p, const char* what, DType type, bool needed) {
    const std::string name = "movement." + p.name() + "." + what;
    for (const auto& [n, t] : state)
      if (n == name) {
        require(t.shape() == p.shape() && t.dtype() == type, "movement: the state's \"{}\" is {} {}; \"{}\" needs {} {}", name,
                bonsai::name(t.dtype()), t.shape(), p.name(), bonsai::name(type), p.shape());
        return clone(t);
      }
    require(!needed, "movement: the state has no \"{}\"", name);
    return Tensor();
  };
  std::vector<Tensor> scores, masks, hidden;  // all is looked at before anything is changed
  for (const nn::Parameter* p : parameters_) {
    scores.push_back(find(*p, "scores", p->leaf().dtype(), true));
    masks.push_back(find(*p, "soft_mask", DType::u8, false));
    hidden.push_back(find(*p, "hidden", p->leaf().dtype(), masks.back().defined()));
    if (masks.back().defined())
      for (std::uint8_t m : masks.back().data<std::uint8_t>())
        require(m <= 1, "movement: the state's soft mask of \"{}\" holds {}", p->name(), m);
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) parameters_[i]->set_soft_mask(masks[i]);
  scores_ = std::move(scores);
  hidden_ = std::move(hidden);
}

}  // namespace bonsai::prune
