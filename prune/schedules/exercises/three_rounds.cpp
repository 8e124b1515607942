// Three rounds of 20%: how many weights are left?
// do it, 10 minutes. Chapter: prune/schedules/README.md, "Iterative pruning".
//
// Each round removes a fraction of what REMAINS, rounded to the nearest whole number (halves to even, as
// std::nearbyint does):
//
//   n ← n - round(rate n)
//
// Return how many of n weights are left after `rounds` rounds. Of 1000, three rounds of 20% do not leave 400.
//
// How many rounds does it take to 3.6%?
#include "prune/schedules/iterative.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::int64_t left_after(std::int64_t n, double rate, int rounds) {
  todo();
}

// ---- The cases

CASE("1000 weights, three rounds of 20%: 512") { check(left_after(1000, 0.2, 3), 512); }

CASE("one round of 25% of 10: 2.5 weights are 2, to even") { check(left_after(10, 0.25, 1), 8); }

CASE("LeNet-300-100 after 15 rounds, the last layer at half the rate") {
  for (auto [n, rate] : {std::pair{235'200, 0.2}, {30'000, 0.2}, {1000, 0.1}})
    check(left_after(n, rate, 15), prune::kept_after(n, rate, 15), fmt::format("of {}", n));
}

CASE("a hundred random layers, beside the library's") {
  Random r = seeded();
  for (int i = 0; i < 100; ++i) {
    const auto n = static_cast<std::int64_t>(1 + r.below(100'000));
    const double rate = 0.1 * static_cast<double>(1 + r.below(8));
    const int rounds = static_cast<int>(r.below(12));
    check(left_after(n, rate, rounds), prune::kept_after(n, rate, rounds), fmt::format("{} weights, {} a round, {} rounds", n, rate, rounds));
  }
}
