#include "prune/registry.h"

#include "core/derivatives.h"
#include "prune/scores/grasp.h"
#include "prune/scores/hessian_diagonal.h"
#include "prune/scores/magnitude.h"
#include "prune/scores/obd.h"
#include "prune/scores/random.h"
#include "prune/scores/snip.h"
#include "prune/scores/synflow.h"
#include "prune/scores/taylor.h"

namespace bonsai::prune {
namespace {

// A score of one tensor at a time, for all of them.
template <class F>
std::vector<Tensor> each(const ScoreInputs& in, F score) {
  std::vector<Tensor> all;
  for (nn::Parameter* p : in.parameters) all.push_back(score(*p));
  return all;
}

// The parameters as autograd sees them, and the loss's gradient with respect to them. Pruned entries have gradient 0.
Tensors leaves(const ScoreInputs& in) {
  Tensors all;
  for (nn::Parameter* p : in.parameters) all.push_back(p->leaf());
  return all;
}
Tensor loss_of(const ScoreInputs& in, const char* score, double temperature = 1) {
  require(static_cast<bool>(in.loss), "score \"{}\": needs a loss on some examples, and none was given; pass ScoreInputs::loss", score);
  return in.loss(temperature);
}
std::vector<Tensor> gradients(const ScoreInputs& in, const char* score) {
  const Tensors g = grad(loss_of(in, score), leaves(in));
  return {g.begin(), g.end()};
}

std::vector<Tensor> taylor_scores(const ScoreInputs& in) {
  std::vector<Tensor> scores = gradients(in, "taylor");
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = taylor(in.parameters[i]->leaf(), scores[i]);
  return scores;
}

std::vector<Tensor> snip_scores(const ScoreInputs& in) {
  std::vector<Tensor> weights;
  for (nn::Parameter* p : in.parameters) weights.push_back(p->leaf());
  return snip(weights, gradients(in, "snip"));
}

std::vector<Tensor> grasp_scores(const ScoreInputs& in) {
  constexpr double temperature = 200;
  const Tensors xs = leaves(in);
  const Tensor loss = loss_of(in, "grasp", temperature);
  const Tensors g = grad(loss, xs), products = hvp(loss, xs, g);
  std::vector<Tensor> scores;
  for (std::size_t i = 0; i < xs.size(); ++i) scores.push_back(grasp(xs[i], products[i]));
  return scores;
}

std::vector<Tensor> synflow_scores(const ScoreInputs& in) {
  require(static_cast<bool>(in.output_sum), "score \"synflow\": needs the sum of the outputs for an input of ones; pass ScoreInputs::output_sum");
  // The network is made positive for a moment, and gets its weights back whatever happens.
  struct Positive {
    const ScoreInputs& in;
    std::vector<Tensor> signed_values;
    explicit Positive(const ScoreInputs& i) : in(i) {
      for (nn::Parameter* p : in.parameters) {
        signed_values.push_back(clone(p->leaf()));
        p->set(abs(p->leaf().detach()));
      }
    }
    ~Positive() { for (std::size_t i = 0; i < signed_values.size(); ++i) in.parameters[i]->set(signed_values[i]); }
  };
  std::vector<Tensor> scores;
  {
    const Positive positive(in);
    const Tensors g = grad(in.output_sum(), leaves(in));
    for (std::size_t i = 0; i < g.size(); ++i) scores.push_back(synflow(in.parameters[i]->leaf(), g[i]));
  }
  return scores;
}

std::vector<Tensor> obd_scores(const ScoreInputs& in) {
  const Tensors xs = leaves(in);
  const Tensor diagonal = hessian_diagonal(loss_of(in, "obd"), xs);
  const Tensors parts = split(diagonal, xs);
  std::vector<Tensor> scores;
  for (std::size_t i = 0; i < xs.size(); ++i) scores.push_back(obd(xs[i], parts[i]));
  return scores;
}

std::vector<Tensor> magnitude_scores(const ScoreInputs& in) { return each(in, [](nn::Parameter& p) { return magnitude(p.leaf()); }); }
std::vector<Tensor> random_scores_of(const ScoreInputs& in) {
  return each(in, [&](nn::Parameter& p) { return random_scores(p.leaf(), in.random.derive(p.name())); });
}

}  // namespace

const std::vector<Method>& methods() {
  using enum Granularity;
  using enum Scope;
  static const std::vector<Method> table{
      {"magnitude", "what is near 0 can be 0", magnitude_scores, weight, layer, "iterative", "rewind", "Frankle and Carbin, ICLR 2019"},
      {"random", "the control", random_scores_of, weight, layer, "iterative", "rewind", "control"},
      {"taylor", "how far does the loss move, to first order", taylor_scores, weight, global, "iterative", "fine-tune", "Molchanov et al., ICLR 2017", "loss"},
      {"obd", "how far does it move, to second order, each weight alone", obd_scores, weight, global, "iterative", "fine-tune", "LeCun et al., NIPS 1989", "loss"},
      {"snip", "how does the loss react to each connection, before training", snip_scores, weight, global, "one shot", "none", "Lee et al., ICLR 2019", "loss"},
      {"grasp", "which connections carry the gradient's flow", grasp_scores, weight, global, "one shot", "none", "Wang et al., ICLR 2020", "loss"},
      {"synflow", "which connections carry strength from input to output", synflow_scores, weight, global, "exponential, 100 rounds", "none",
       "Tanaka et al., NeurIPS 2020", "outputs"},
  };
  return table;
}

const Method& method(const std::string& name) {
  std::string known;
  for (const Method& m : methods()) {
    if (m.name == name) return m;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", m.name);
  }
  fail("no criterion \"{}\"; there are {}", name, known);
}

std::vector<nn::Parameter*> prunable(nn::Module& net) {
  std::vector<nn::Parameter*> weights;
  for (nn::Parameter* p : net.parameters())
    if (p->shape().rank() >= 2) weights.push_back(p);
  return weights;
}

void prune_step(const Method& m, const ScoreInputs& in, const std::vector<double>& rates) {
  const std::size_t expected = m.scope == Scope::layer ? in.parameters.size() : 1;
  require(rates.size() == expected, "prune: {} rates for {} with scope {}", rates.size(), in.parameters.size(), name(m.scope));
  NoGrad off;
  const std::vector<Tensor> scores = m.score(in);
  std::vector<Candidate> all;
  std::int64_t kept = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    all.push_back({in.parameters[i]->name(), scores[i], in.parameters[i]->mask()});
    kept += in.parameters[i]->kept();
  }
  std::vector<Tensor> masks;
  if (m.scope == Scope::global) masks = remove_lowest(all, count(rates[0], kept));
  else
    for (std::size_t i = 0; i < all.size(); ++i) masks.push_back(remove_lowest({all[i]}, count(rates[i], in.parameters[i]->kept()))[0]);
  require_no_empty_layer(all, masks);
  for (std::size_t i = 0; i < masks.size(); ++i) in.parameters[i]->set_mask(masks[i]);
}

}  // namespace bonsai::prune
