// A lottery loop that never gets further than its first round.
// break it, 45 minutes. Chapter: prune/schedules/README.md, "Iterative pruning".
//
// Plausible code, of a kind that is often published. A round takes all parameters of a layer, weights and
// biases, zeros and all, and makes 0 what lies below their quantile:
//
//   values    = |weights| and |biases|, sorted
//   threshold = values[round(rate size)]
//   whatever is < threshold becomes 0
//
// Three functions to write, a layer on which it goes wrong, and what it will do:
//
//   weights(), biases()   2 to 20 weights and 1 to 5 biases, none of them 0
//   left_in_the_loop()    your prediction: how many of n entries, all different, are not 0 after `rounds` rounds?
//
// At 20% a round for 20 rounds the lottery ticket has 1.2% of its weights. What has the loop, and what would
// its author report?
#include <algorithm>

#include "prune/schedules/iterative.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> weights() {
  return {5};
}
EXERCISE std::vector<double> biases() {
  return {9};
}
EXERCISE std::int64_t left_in_the_loop(std::int64_t n, double rate, int rounds) {
  return prune::kept_after(n, rate, rounds);  // is what should be left
}

// ---- The loop, and the cases

namespace {
std::int64_t not_zero(const std::vector<double>& v) { return static_cast<std::int64_t>(v.size()) - std::ranges::count(v, 0.0); }

void round_of_the_loop(std::vector<double>& weights, std::vector<double>& biases, double rate) {
  std::vector<double> values;
  for (const auto* part : {&weights, &biases})
    for (double x : *part) values.push_back(std::abs(x));
  std::ranges::sort(values);
  const auto k = static_cast<std::size_t>(std::nearbyint(rate * static_cast<double>(values.size())));
  const double threshold = values[std::min(k, values.size() - 1)];
  for (auto* part : {&weights, &biases})
    for (double& x : *part)
      if (std::abs(x) < threshold) x = 0;
}

struct LoopRun {
  std::vector<double> w = weights(), b = biases();
  explicit LoopRun(double rate, int rounds) {
    must(w.size() >= 2 && w.size() <= 20 && !b.empty() && b.size() <= 5, "{} weights and {} biases; 2 to 20 and 1 to 5 are wanted", w.size(), b.size());
    must(not_zero(w) == std::ssize(w) && not_zero(b) == std::ssize(b), "one of them is 0");
    for (int r = 0; r < rounds; ++r) round_of_the_loop(w, b, rate);
  }
};
}  // namespace

CASE("three rounds at 30% leave at least three weights more than they should") {
  const LoopRun loop(0.3, 3);
  const std::int64_t should = prune::kept_after(std::ssize(loop.w), 0.3, 3);
  must(not_zero(loop.w) >= should + 3, "{} of {} weights are left, and {} should be", not_zero(loop.w), loop.w.size(), should);
  note(fmt::format("{} of {} weights are left, and {} should be", not_zero(loop.w), loop.w.size(), should));
}

CASE("the first round takes a bias away, which pruning should leave alone") {
  const LoopRun loop(0.3, 1);
  must(not_zero(loop.b) < std::ssize(loop.b), "all {} biases are still there", loop.b.size());
  note(fmt::format("biases {} after one round", text(loop.b)));
}

CASE("the prediction: three layers, 2 to 20 rounds") {
  Random r = seeded();
  for (int i = 0; i < 3; ++i) {
    const auto n = static_cast<std::int64_t>(40 + r.below(60));
    const int rounds = 2 + static_cast<int>(r.below(19));
    std::vector<double> w = r.normal({n - 2}, 0, 1, DType::f64).to_vector<double>(), b = r.normal({2}, 0, 1, DType::f64).to_vector<double>();
    for (int round = 0; round < rounds; ++round) round_of_the_loop(w, b, 0.2);
    check(left_in_the_loop(n, 0.2, rounds), not_zero(w) + not_zero(b), fmt::format("of {} entries after {} rounds of 20%", n, rounds));
  }
}
