#include "nn/optimizers.h"

namespace bonsai::nn {

// One tensor of the i-th parameter's state in its dense form and present shape.
Tensor Optimizer::dense_state(std::size_t i, const Tensor& state) const {
  const Parameter& p = *parameters_[i];
  Tensor s = patterns_[i] ? reshape(unpack(state, *patterns_[i]), p.cuts().empty() ? p.shape() : p.cuts()[0].before) : state;
  for (const Parameter::Cut& c : p.cuts()) s = index_select(s, c.kept, c.axis);
  return s;
}

// Makes the state at the first step; later, it follows what has happened to the parameters since the last one.
void Optimizer::make_state() {
  if (state_.empty())
    for (Parameter* p : parameters_) {
      p->state_is_fresh();
      state_.emplace_back();
      for (std::size_t i = 0; i < slots().size(); ++i) state_.back().push_back(zeros(p->shape(), p->leaf().dtype()));
    }
  patterns_.resize(parameters_.size());
  for (std::size_t i = 0; i < state_.size(); ++i) {
    Parameter& p = *parameters_[i];
    const bool other_form = patterns_[i] != p.pattern();
    for (Tensor& s : state_[i]) {
      if (other_form || !p.cuts().empty()) s = dense_state(i, s);
      if (p.stale_state().defined()) s = where(p.stale_state(), s, number(0, s));  // pruned, and perhaps regrown: it starts afresh
      if (other_form && p.pattern()) s = pack(s, *p.pattern());  // (a cut makes another pattern)
      if (s.dtype() != p.leaf().dtype()) s = cast(s, p.leaf().dtype());
    }
    patterns_[i] = p.pattern();
    p.state_is_fresh();
  }
}

void Optimizer::prepare(double rate) {
  NoGrad off;
  make_state();
  fill(rate_, rate);
  fill(steps_, static_cast<double>(++taken_));
}

void Optimizer::apply() {
  NoGrad off;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = *parameters_[i];
    Tensor gradient = p.gradient();
    if (!gradient.defined()) continue;
    update(p, gradient, state_[i], rate_, steps_);
    p.leaf().clear_grad();
  }
}

std::vector<std::pair<std::string, Tensor>> Optimizer::state() const {
  std::vector<std::pair<std::string, Tensor>> all{{"optimizer.steps", clone(steps_)}};
  for (std::size_t i = 0; i < state_.size(); ++i)
    for (std::size_t s = 0; s < state_[i].size(); ++s) {
      const Tensor& live = state_[i][s];
      const Parameter& p = *parameters_[i];  // pruned since the last step? Then the next one would clear its state; nobody sees it before
      const Tensor& kept = p.stale_state().defined() ? p.stale_state() : p.mask();
      const Tensor dense = dense_state(i, live);
      all.emplace_back("optimizer." + p.name() + "." + slots()[s], kept.defined() ? where(kept, dense, number(0, dense)) : clone(dense));
    }
  return all;
}

void Optimizer::load_state(const std::vector<std::pair<std::string, Tensor>>& state) {
  auto find = [&](const std::string& name) -> const Tensor* {
    for (const auto& [n, t] : state)
      if (n == name) return &t;
    return nullptr;
  };
  const Tensor* steps = find("optimizer.steps");
  require(steps && steps->shape() == Shape{1} && steps->dtype() == DType::i64, "optimizer: the state has no \"optimizer.steps\" (i64, one element)");
  std::vector<std::vector<Tensor>> loaded;  // all is looked at before anything is changed
  if (steps->item() != 0)                   // (before the first step there is nothing else)
    for (const Parameter* p : parameters_) {
      loaded.emplace_back();
      for (const std::string& slot : slots()) {
        const std::string name = "optimizer." + p->name() + "." + slot;
        const Tensor* t = find(name);
        require(t && t->shape() == p->shape() && is_floating(t->dtype()), "optimizer: the state has no \"{}\" of shape {}", name, p->shape());
        loaded.back().push_back(clone(*t));
      }
    }
  taken_ = static_cast<std::int64_t>(steps->item());
  fill(steps_, static_cast<double>(taken_));
  state_ = std::move(loaded);
  patterns_.assign(parameters_.size(), nullptr);
  for (Parameter* p : parameters_) p->state_is_fresh();  // this state belongs to the masks as they are, whatever they were before
}

namespace {
View mask_view(const Parameter& p) { return p.is_masked() ? view(p.mask()) : View{}; }
}  // namespace

SGD::SGD(std::vector<Parameter*> parameters, SgdOptions o) : Optimizer(std::move(parameters)), c_{o.momentum, o.weight_decay, o.nesterov} {
  require(o.momentum >= 0 && o.momentum < 1, "SGD: momentum must be in [0, 1), got {}", o.momentum);
  require(o.weight_decay >= 0, "SGD: weight decay cannot be negative, got {}", o.weight_decay);
  require(!o.nesterov || o.momentum > 0, "SGD: Nesterov needs a momentum above 0");
}

std::vector<std::string> SGD::slots() const { return c_.momentum > 0 ? std::vector<std::string>{"velocity"} : std::vector<std::string>{}; }

void SGD::update(Parameter& p, Tensor& gradient, std::vector<Tensor>& state, const Tensor& rate, const Tensor&) {
  kernels(p.leaf(), gradient).sgd(c_, view_for_writing(p.leaf()), view(gradient), state.empty() ? View{} : view_for_writing(state[0]), mask_view(p), view(rate));
}

Adam::Adam(std::vector<Parameter*> parameters, AdamOptions o)
    : Optimizer(std::move(parameters)), c_{o.beta1, o.beta2, o.epsilon, o.weight_decay, o.decoupled} {
  require(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1, "Adam: both betas must be in [0, 1), got {} and {}", o.beta1, o.beta2);
  require(o.epsilon > 0 && o.weight_decay >= 0, "Adam: epsilon must be above 0 and weight decay not negative, got {} and {}", o.epsilon, o.weight_decay);
}

void Adam::update(Parameter& p, Tensor& gradient, std::vector<Tensor>& state, const Tensor& rate, const Tensor& steps) {
  kernels(p.leaf(), gradient)
      .adam(c_, view_for_writing(p.leaf()), view(gradient), view_for_writing(state[0]), view_for_writing(state[1]), mask_view(p), view(rate), view(steps));
}

}  // namespace bonsai::nn
