#include "prune/registry.h"

#include <algorithm>
#include <cmath>

#include "prune/before.h"
#include "prune/methods.h"

namespace bonsai::prune {

const std::vector<Method>& methods() {
  using enum Scope;
  namespace by = methods_by_name;
  constexpr Needs examples = Needs::examples;
  static const std::vector<Method> table{
      // name, idea, score, scope, schedule, recovery, paper, needs, rounds, operation
      {"magnitude", "what is near 0 can be 0", by::magnitude, layer, "iterative", "rewind", "Frankle and Carbin, ICLR 2019"},
      {"magnitude-global", "the same, all layers together", by::magnitude, global, "iterative", "rewind", "Frankle and Carbin, ICLR 2019"},
      {"magnitude-std", "what is near 0 in its layer's deviations", by::magnitude_std, global, "iterative", "fine-tune", "Han et al., NIPS 2015"},
      {"random", "the control", by::random, layer, "iterative", "rewind", "control"},
      {"taylor", "how far does the loss move, to first order", by::taylor, global, "iterative", "fine-tune", "Molchanov et al., ICLR 2017", examples},
      {"obd", "how far does it move, to second order, each weight alone", by::obd, global, "iterative", "fine-tune", "LeCun et al., NIPS 1989", examples},
      {"obd-1990", "the same with the paper's own estimate of the diagonal", by::obd_1990, global, "iterative", "fine-tune", "LeCun et al., NIPS 1989", examples},
      {"obd-1990-positive", "the same without f'' (Levenberg and Marquardt)", by::obd_1990_positive, global, "iterative", "fine-tune", "LeCun et al., NIPS 1989",
       examples},
      {"obs", "how far, when all the others make up for it", by::obs, global, "iterative", "compensation", "Hassibi and Stork, NIPS 1992", examples, 1,
       by::operate_obs},
      {"obs-1993", "the same with the inverse grown from outer products", by::obs_1993, global, "iterative", "compensation", "Hassibi and Stork, NIPS 1992",
       examples, 1, by::operate_obs_1993},
      {"woodfisher", "the same with the Fisher matrix, in blocks", by::woodfisher, global, "gradual", "compensation", "Singh and Alistarh, NeurIPS 2020",
       examples, 1, by::operate_woodfisher},
      {"snip", "how does the loss react to each connection, before training", by::snip, global, "one shot", "none", "Lee et al., ICLR 2019", examples},
      {"grasp", "which connections carry the gradient's flow", by::grasp, global, "one shot", "none", "Wang et al., ICLR 2020", examples},
      {"synflow", "which connections carry strength from input to output", by::synflow, global, "exponential", "none", "Tanaka et al., NeurIPS 2020", examples, 100},
      {"movement", "what moves towards 0 in fine-tuning", by::movement, global, "gradual", "fine-tune", "Sanh et al., NeurIPS 2020", Needs::training},
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

Tensor objective(const ScoreInputs& in, const char* score, double temperature) {
  require(in.net && in.inputs.defined() && in.targets.defined() && in.inputs.rank() > 0 && in.inputs.size(0) > 0,
          "score \"{}\": needs the network and some examples; pass ScoreInputs::net, inputs and targets", score);
  NoGrad on(false);
  const Tensor outputs = (*in.net)(in.inputs);
  Tensor total = in.loss(temperature == 1 ? outputs : outputs / temperature, in.targets);
  if (in.weight_decay > 0)
    for (nn::Parameter* p : in.parameters) total = total + sum(p->value() * p->value()) * (in.weight_decay / 2);
  require(std::isfinite(total.item()), "score \"{}\": the loss on its examples is {}", score, total.item());
  return total;
}

Surgery propose(const Method& m, const ScoreInputs& in, const std::vector<std::int64_t>& counts) {
  for (const nn::Parameter* p : in.parameters) require(!p->is_packed(), "prune: \"{}\" is packed, and its mask fixed; unpack() it first", p->name());
  for (const nn::Parameter* p : in.parameters)
    dispatch_floating("prune", p->leaf().dtype(), [&]<class T>() {
      const auto w = p->leaf().data<T>();
      for (std::size_t i = 0; i < w.size(); ++i)
        require(std::isfinite(w[i]), "prune: \"{}\" is {} at index {}", p->name(), std::isnan(w[i]) ? "NaN" : "infinite", i);
    });
  NoGrad off;
  const bool grouped = m.grouping.kind != Granularity::weight;
  if (m.operate) {
    require(!grouped, "prune: \"{}\" moves weights as single ones go, so it has no groups to prune; its granularity is weight", m.name);
    require(m.scope == Scope::global, "prune: \"{}\" weighs all weights against each other, so its scope is global", m.name);
    return m.operate(in, counts[0]);
  }
  const std::vector<Tensor> scores = m.score(in);
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const Tensor& mask = in.parameters[i]->mask();
    all.push_back({in.parameters[i]->name(), scores[i], mask});
    if (!grouped) continue;
    all.back().scores = pooled(m.grouping, mask.defined() ? where(mask, scores[i], number(0, scores[i])) : scores[i]);
    all.back().mask = mask.defined() ? alive_groups(m.grouping, mask) : Tensor{};
  }
  Surgery s;
  if (m.scope == Scope::global) s.masks = remove_lowest(all, counts[0]);
  else
    for (std::size_t i = 0; i < all.size(); ++i) s.masks.push_back(remove_lowest({all[i]}, counts[i])[0]);
  for (std::size_t i = 0; grouped && i < all.size(); ++i) {
    const nn::Parameter& p = *in.parameters[i];
    s.masks[i] = spread(m.grouping, s.masks[i], p.shape());
    if (p.is_masked()) s.masks[i] = where(p.mask(), s.masks[i], p.mask());  // what was pruned within a group stays so
  }
  return s;
}

void apply(const Surgery& s, const std::vector<nn::Parameter*>& parameters) {
  for (std::size_t i = 0; i < s.masks.size(); ++i) {
    parameters[i]->set_mask(s.masks[i]);
    if (!s.values.empty()) parameters[i]->set(s.values[i]);
  }
}

namespace {

void remove_counts(const Method& m, const ScoreInputs& in, const std::vector<std::int64_t>& counts) {
  const Surgery s = propose(m, in, counts);
  std::vector<Candidate> all;
  for (const nn::Parameter* p : in.parameters) all.push_back({p->name(), {}, {}});
  require_no_empty_layer(all, s.masks);
  apply(s, in.parameters);
}

// Of a parameter, what can still go: weights, or groups with a weight left.
std::int64_t left_of(const Method& m, const nn::Parameter& p) {
  if (m.grouping.kind == Granularity::weight) return p.kept();
  if (!p.is_masked()) return groups(m.grouping, p.shape());
  const Tensor alive = alive_groups(m.grouping, p.mask());
  return std::ranges::count(alive.data<std::uint8_t>(), 1);
}

std::int64_t total_left(const Method& m, const ScoreInputs& in) {
  std::int64_t left = 0;
  for (const nn::Parameter* p : in.parameters) left += left_of(m, *p);
  return left;
}

}  // namespace

void prune_step(const Method& m, const ScoreInputs& in, const std::vector<double>& rates) {
  const std::size_t expected = m.scope == Scope::layer ? in.parameters.size() : 1;
  require(rates.size() == expected, "prune: {} rates for {} with scope {}", rates.size(), in.parameters.size(), name(m.scope));
  std::vector<std::int64_t> counts;
  if (m.scope == Scope::global) counts = {count(rates[0], total_left(m, in))};
  else
    for (std::size_t i = 0; i < rates.size(); ++i) counts.push_back(count(rates[i], left_of(m, *in.parameters[i])));
  remove_counts(m, in, counts);
}

void prune_to(const Method& m, const ScoreInputs& in, double sparsity) {
  require(sparsity >= 0 && sparsity < 1, "prune: the sparsity {} is not at least 0 and below 1{}", sparsity,
          sparsity > 1 && sparsity < 100 ? fmt::format("; did you mean {}?", sparsity / 100) : "");
  // How many of n entries, of which `kept` are left, have to go for a sparsity.
  auto surplus = [](std::int64_t n, std::int64_t kept, double s) { return std::max<std::int64_t>(0, kept - (n - count(s, n))); };
  const Before before(in.parameters);
  for (int k = 1; k <= m.rounds; ++k) try {
    const double s = k == m.rounds ? sparsity : 1 - std::pow(1 - sparsity, static_cast<double>(k) / m.rounds);
    std::vector<std::int64_t> counts;
    std::int64_t n = 0;
    for (const nn::Parameter* p : in.parameters) {
      const std::int64_t all = groups(m.grouping, p->shape());
      n += all;
      if (m.scope == Scope::layer) counts.push_back(surplus(all, left_of(m, *p), s));
    }
    if (m.scope == Scope::global) counts = {surplus(n, total_left(m, in), s)};
    remove_counts(m, in, counts);
  } catch (...) {  // some rounds may have been done
    before.restore();
    throw;
  }
}

}  // namespace bonsai::prune
