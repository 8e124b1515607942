#include "nn/together.h"

#include <cmath>

#include "nn/layers.h"
#include "nn/recorded_step.h"

namespace bonsai::nn {
namespace {

// T tensors as one with a leading axis of T.
Tensor stacked(const Tensors& all) {
  Shape one{1};
  for (std::int64_t n : all[0].shape()) one.push_back(n);
  Tensors rows;
  for (const Tensor& t : all) rows.push_back(reshape(t, one));
  return concat(rows, 0);
}
Tensor of_member(const Tensor& all, std::int64_t i, const Shape& shape) { return reshape(slice(all, 0, i, i + 1), shape); }

}  // namespace

Together::Together(std::vector<Sequential*> members) : members_(std::move(members)) {
  require(!members_.empty(), "together: no networks");
  for (Sequential* m : members_) {
    const auto a = members_[0]->parameters(), b = m->parameters();
    require(a.size() == b.size(), "together: networks of {} and {} parameters; they must be of one shape", a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      require(a[i]->name() == b[i]->name() && a[i]->shape() == b[i]->shape(), "together: \"{}\" {} and \"{}\" {}; the networks must be of one shape", a[i]->name(), a[i]->shape(), b[i]->name(),
              b[i]->shape());
      require(b[i]->shape().rank() == 2 || !b[i]->is_masked(), "together: \"{}\" is masked; only weights may be", b[i]->name());
      require(!b[i]->is_packed() && !b[i]->soft_mask().defined(), "together: \"{}\" is packed or softly masked; unpack it first", b[i]->name());
    }
  }
  auto own = [&](Parameter& p) {
    Shape all{size()};
    for (std::int64_t n : p.shape()) all.push_back(n);
    return &add_parameter(p.name(), all);
  };
  members_[0]->parameters();  // gives them their whole names
  for (auto& [name, m] : members_[0]->layers()) {
    if (auto* linear = dynamic_cast<Linear*>(m)) layers_.push_back({nullptr, own(linear->weight()), linear->bias() ? own(*linear->bias()) : nullptr});
    else if (dynamic_cast<Activation*>(m) || dynamic_cast<Flatten*>(m)) layers_.push_back({m});
    else fail("together: layer \"{}\" ({}) can't be trained together; Linear layers, activations and Flatten can", name, m->describe());
  }
  for (Parameter* p : parameters()) p->to(members_[0]->parameter(p->name()).leaf().dtype());
  gather();
}

// Y(T, n, out) = X(T, n, in) Wᵀ(T, in, out) + b(T, 1, out)
Tensor Together::forward(const Tensor& x) {
  require(x.rank() >= 3 && x.size(0) == size(), "together: input {} for {} networks; it must be ({}, batch, ...)", x.shape(), size(), size());
  Tensor y = x;
  for (const Layer& l : layers_) {
    if (!l.weight) {
      y = dynamic_cast<Flatten*>(l.module) ? reshape(y, {y.size(0), y.size(1), y.numel() / (y.size(0) * y.size(1))}) : l.module->forward(y);
      continue;
    }
    y = matmul(y, l.weight->value(), {false, true});
    if (l.bias) y = y + reshape(l.bias->value(), {size(), 1, l.bias->shape()[1]});
  }
  return y;
}

std::string Together::describe() const { return fmt::format("{} networks together: {}", size(), members_[0]->describe()); }

void Together::gather() {
  NoGrad off;
  for (Parameter* p : parameters()) {
    Tensors values, masks;
    for (Sequential* m : members_) {
      const Parameter& theirs = m->parameter(p->name());
      values.push_back(theirs.leaf().detach());
      masks.push_back(theirs.is_masked() ? theirs.mask() : ones(theirs.shape(), DType::u8));
    }
    if (p->shape().rank() == 3) p->set_mask(stacked(masks));  // always: a step with a mask may round otherwise than one without, and company must not change a bit
    p->set(stacked(values));
  }
}

void Together::give() const {
  NoGrad off;
  for (const auto& [name, own] : values()) {
    std::int64_t i = 0;
    for (Sequential* m : members_) {
      Parameter& p = m->parameter(name);
      p.set(of_member(own, i++, p.shape()));
    }
  }
}

std::vector<std::pair<std::string, Tensor>> Together::values() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (Parameter* p : const_cast<Together*>(this)->parameters()) all.emplace_back(p->name(), p->leaf().detach());
  return all;
}

void Together::gather(const std::vector<Optimizer*>& theirs, Optimizer& own) const {
  NoGrad off;
  std::vector<std::vector<std::pair<std::string, Tensor>>> states;
  for (const Optimizer* o : theirs) states.push_back(o->state());
  std::vector<std::pair<std::string, Tensor>> all;
  for (std::size_t s = 0; s < states[0].size(); ++s) {
    Tensors one;
    for (const auto& state : states) {
      require(state.size() == states[0].size() && state[s].first == states[0][s].first, "together: optimizers of different kinds");
      one.push_back(state[s].second);
    }
    const bool steps = one[0].dtype() == DType::i64;
    for (std::size_t i = 1; steps && i < one.size(); ++i)
      require(one[i].item() == one[0].item(), "together: optimizers that have taken {} and {} steps", one[0].item(), one[i].item());
    all.emplace_back(states[0][s].first, steps ? one[0] : stacked(one));
  }
  own.load_state(all);
}

void Together::give(const Optimizer& own, const std::vector<Optimizer*>& theirs) const {
  NoGrad off;
  const auto all = own.state();
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    std::vector<std::pair<std::string, Tensor>> state;
    for (const auto& [name, t] : all) {
      Shape shape;
      for (int a = 1; a < t.rank(); ++a) shape.push_back(t.size(a));
      state.emplace_back(name, t.dtype() == DType::i64 ? t : of_member(t, static_cast<std::int64_t>(i), shape));
    }
    theirs[i]->load_state(state);
  }
}

void train_together(const std::vector<Member>& members, const std::function<std::unique_ptr<Optimizer>(std::vector<Parameter*>)>& make, const TrainOptions& o,
                    const std::function<bool(std::int64_t)>& look) {
  require(o.first >= 0 && o.first <= o.iterations && o.rate && !o.loss, "train_together: iterations {} to {}, a rate and no loss of one's own are needed", o.first, o.iterations);
  std::vector<Sequential*> nets;
  std::vector<Optimizer*> optimizers;
  for (const Member& m : members) {
    require(!m.hooks.after_backward && !m.hooks.after_update, "train_together: hooks within a step are not called");
    nets.push_back(m.net), optimizers.push_back(m.optimizer);
  }
  Together net(nets);
  const std::unique_ptr<Optimizer> optimizer = make(net.parameters());
  net.gather(optimizers, *optimizer);

  const std::int64_t count = net.size();
  bool theirs = true;  // whether the members are up to date
  auto give = [&] {
    if (!std::exchange(theirs, true)) net.give(), net.give(*optimizer, optimizers);
  };
  auto evaluate = [&](std::int64_t done) {
    give();
    for (const Member& m : members)
      if (m.hooks.evaluate) m.hooks.evaluate(done);
  };
  // A loss a network: the mean of its rows.
  auto losses = [count](const Tensor& y, const Tensor& labels) {
    const std::int64_t n = y.size(1);
    return mean(reshape(cross_entropy_each(reshape(y, {count * n, y.size(2)}), reshape(labels, {count * n})), {count, n}), {1});
  };
  RecordedStep step(net, *optimizer, losses);
  net.train();
  if (o.evaluate_first && o.evaluate_every > 0) evaluate(o.first);
  for (std::int64_t i = o.first; i < o.iterations; ++i) {
    if (look(i)) give();
    Tensors inputs, labels;
    for (const Member& m : members) {
      if (m.hooks.before_step) m.hooks.before_step(i);
      const Batch b = m.batches(i);
      inputs.push_back(b.inputs), labels.push_back(b.labels);
    }
    const std::vector<double> loss = step({stacked(inputs), stacked(labels)}, o.rate(i));
    theirs = false;
    for (double l : loss) require(std::isfinite(l), "training: the loss is {} at iteration {}; a smaller learning rate may help", l, i);
    if (o.evaluate_every > 0 && ((i + 1) % o.evaluate_every == 0 || i + 1 == o.iterations)) evaluate(i + 1);
    if (look(i + 1) || i + 1 == o.iterations) give();
    for (std::size_t m = 0; m < members.size(); ++m)
      if (members[m].hooks.after_step) members[m].hooks.after_step(i + 1, loss[m]);
  }
  give();
}

}  // namespace bonsai::nn
