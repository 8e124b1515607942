#include "prune/registry.h"

#include "prune/scores/magnitude.h"
#include "prune/scores/random.h"

namespace bonsai::prune {
namespace {

// A score of one tensor at a time, for all of them.
template <class F>
std::vector<Tensor> each(const ScoreInputs& in, F score) {
  std::vector<Tensor> all;
  for (nn::Parameter* p : in.parameters) all.push_back(score(*p));
  return all;
}

}  // namespace

const std::vector<Method>& methods() {
  static const std::vector<Method> table{
      {"magnitude", "what is near 0 can be 0", [](const ScoreInputs& in) { return each(in, [](nn::Parameter& p) { return magnitude(p.leaf()); }); },
       Granularity::weight, Scope::layer, "iterative", "rewind", "Frankle and Carbin, ICLR 2019"},
      {"random", "the control", [](const ScoreInputs& in) { return each(in, [&](nn::Parameter& p) { return random_scores(p.leaf(), in.random.derive(p.name())); }); },
       Granularity::weight, Scope::layer, "iterative", "rewind", "control"},
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
