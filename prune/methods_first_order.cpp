// The scores that need the weights alone, a gradient, or one product with the Hessian.
#include "core/derivatives.h"
#include "prune/methods.h"
#include "prune/scores/grasp.h"
#include "prune/scores/magnitude.h"
#include "prune/scores/random.h"
#include "prune/scores/snip.h"
#include "prune/scores/synflow.h"
#include "prune/scores/taylor.h"

namespace bonsai::prune::methods_by_name {
namespace {

// A score of one tensor at a time, for all of them.
template <class F>
Scores each(const ScoreInputs& in, F score) {
  Scores all;
  for (nn::Parameter* p : in.parameters) all.push_back(score(*p));
  return all;
}

// The objective's gradient. Pruned entries have gradient 0.
Scores gradients(const ScoreInputs& in, const char* score) {
  const Tensors g = grad(objective(in, score), leaves(in));
  return {g.begin(), g.end()};
}

// A network in evaluation mode with every parameter and buffer made positive, for the length of a scope.
class Positive {
 public:
  explicit Positive(nn::Module& net) : net_(net), was_training_(net.training()) {
    net.train(false);
    for (nn::Parameter* p : net.parameters()) {
      values_.push_back(clone(p->leaf()));
      p->set(abs(p->leaf().detach()));
    }
    for (auto& [name, b] : net.buffers()) {
      values_.push_back(*b);
      if (is_floating(b->dtype())) *b = abs(*b);
    }
  }
  ~Positive() {
    std::size_t i = 0;
    for (nn::Parameter* p : net_.parameters()) p->set(values_[i++]);
    for (auto& [name, b] : net_.buffers()) *b = values_[i++];
    net_.train(was_training_);
  }
  Positive(const Positive&) = delete;

 private:
  nn::Module& net_;
  bool was_training_;
  std::vector<Tensor> values_;
};

}  // namespace

Tensors leaves(const ScoreInputs& in) {
  Tensors all;
  for (nn::Parameter* p : in.parameters) all.push_back(p->leaf());
  return all;
}

InDouble::InDouble(const ScoreInputs& in, const char* score) : in_(in) {
  require(in.net && in.inputs.defined() && in.inputs.rank() > 0, "score \"{}\": needs the network and some examples; pass ScoreInputs::net, inputs and targets",
          score);
  for (nn::Parameter* p : in.net->parameters()) parameters_.emplace_back(p, p->leaf().dtype());
  for (auto& [name, b] : in.net->buffers()) buffers_.emplace_back(b, *b);
  in.net->to(DType::f64);
  in_.inputs = cast(in.inputs, DType::f64);
  if (in.targets.defined() && is_floating(in.targets.dtype())) in_.targets = cast(in.targets, DType::f64);
}
InDouble::~InDouble() {
  for (auto& [p, type] : parameters_) p->to(type);
  for (auto& [buffer, value] : buffers_) *buffer = value;
}

Scores magnitude(const ScoreInputs& in) {
  return each(in, [](nn::Parameter& p) { return prune::magnitude(p.leaf()); });
}
Scores magnitude_std(const ScoreInputs& in) {
  return each(in, [](nn::Parameter& p) { return prune::magnitude_in_deviations(p.leaf(), p.mask()); });
}
Scores random(const ScoreInputs& in) {
  return each(in, [&](nn::Parameter& p) { return random_scores(p.leaf(), in.random.derive(p.name())); });
}

Scores taylor(const ScoreInputs& in) {
  Scores scores = gradients(in, "taylor");
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = prune::taylor(in.parameters[i]->leaf(), scores[i]);
  return scores;
}

Scores snip(const ScoreInputs& in) {
  return prune::snip(each(in, [](nn::Parameter& p) { return p.leaf(); }), gradients(in, "snip"));
}

Scores grasp(const ScoreInputs& in) {
  constexpr double temperature = 200;
  const Tensors xs = leaves(in);
  const Tensor loss = objective(in, "grasp", temperature);
  const Tensors g = grad(loss, xs), products = hvp(loss, xs, g);
  Scores scores;
  for (std::size_t i = 0; i < xs.size(); ++i) scores.push_back(prune::grasp(xs[i], products[i]));
  return scores;
}

Scores synflow(const ScoreInputs& in) {
  const InDouble scope(in, "synflow");
  Shape one = in.inputs.shape();
  one[0] = 1;
  const Positive positive(*in.net);
  NoGrad on(false);
  const Tensors xs = leaves(in);
  const Tensors g = grad(sum((*in.net)(ones(one, DType::f64))), xs);
  Scores scores;
  for (std::size_t i = 0; i < xs.size(); ++i) scores.push_back(prune::synflow(xs[i], g[i]));
  return scores;
}

Scores movement(const ScoreInputs& in) {
  require(in.accumulated.size() == in.parameters.size(),
          "score \"movement\": needs what a fine-tuning has accumulated, one tensor a parameter, and got {} for {}; pass ScoreInputs::accumulated",
          in.accumulated.size(), in.parameters.size());
  return in.accumulated;
}

}  // namespace bonsai::prune::methods_by_name
