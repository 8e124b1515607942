// A channel that says nothing, and the score that would keep it for ever.
// break it, 10 minutes. Chapter: prune/scores/README.md, "BatchNorm's γ: network slimming".
//
// Network slimming scores a channel by |γ| of its BatchNorm: the channel says γ x̂ + β, x̂ having mean 0 and
// variance 1, and a ReLU follows. Four channels, all with β between -100 and 100 and |γ| between 0.1 and 3.
// Give γ and β, so that channel 0 is 0 behind the ReLU for every example, and yet has the highest score of
// the four.
//
// What does the score not look at? What could be added to it?
#include "prune/scores/activation_statistics.h"
#include "prune/scores/bn_gamma.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> gammas() {
  return {3, 1, 1, 1};
}
EXERCISE std::vector<double> betas() {
  return {0, 0, 0, 0};
}

// ---- The case

CASE("200 examples: channel 0 is silent, and scored highest") {
  const std::vector<double> g = gammas(), b = betas();
  must(g.size() == 4 && b.size() == 4, "{} γ and {} β; four of each are wanted", g.size(), b.size());
  for (int c = 0; c < 4; ++c) {
    must(std::abs(g[c]) >= 0.1 && std::abs(g[c]) <= 3, "γ {} is {}", c, g[c]);
    must(std::abs(b[c]) <= 100, "β {} is {}", c, b[c]);
  }
  const Tensor gamma = tensor(std::span<const double>(g), {4}), beta = tensor(std::span<const double>(b), {4});
  const Tensor x = seeded().normal({200, 4, 3, 3}, 2, 5, DType::f64);
  prune::ActivationStatistics behind;
  behind.add(relu(batch_norm(x, gamma, beta, 1e-5).y));
  const Tensor score = prune::bn_gamma(gamma), activity = behind.activity();
  must(argmax(score).item() == 0, "the scores are {}; channel 0's is not the highest", text(score));
  must(activity.at(0) == 0, "channel 0 is above 0 in {:.3g} of what it says", activity.at(0));
  note(fmt::format("scores {}; how often the channels are above 0: {}", text(score), text(activity)));
}
