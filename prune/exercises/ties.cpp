// The threshold that is wrong at ties.
// break it, 10 minutes. Chapter: prune/README.md, "Selecting: exact counts".
//
// Two of six weights are to go, and it is done as nearly everybody does it: find the second-smallest score,
// and keep what is above it, or, in the other camp, what is not below it. Give six scores for which the first
// removes more than two, and the second removes none.
//
// How many of a layer of ReLU units' weights can have the same score? And of a layer that is pruned for the
// second time?
#include <algorithm>

#include "prune/select.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> six_scores() {
  return {6, 5, 4, 3, 2, 1};
}

// ---- The wrong ones, and the cases

namespace {
struct Removed {
  std::int64_t above, not_below, exact;  // keeps s > threshold, keeps s >= threshold, select.h
  Removed(const std::vector<double>& scores) {
    must(scores.size() == 6, "{} scores; six are wanted", scores.size());
    for (double s : scores) must(std::isfinite(s), "a score of {}; numbers are wanted", s);
    std::vector<double> sorted = scores;
    std::ranges::sort(sorted);
    const double threshold = sorted[1];
    above = 6 - std::ranges::count_if(scores, [&](double s) { return s > threshold; });
    not_below = 6 - std::ranges::count_if(scores, [&](double s) { return s >= threshold; });
    exact = 6;
    for (std::uint8_t m : prune::remove_lowest({{"w", tensor(std::span<const double>(scores), {6}), {}}}, 2)[0].to_vector<std::uint8_t>()) exact -= m;
  }
};
}  // namespace

CASE("keeping what is above the threshold removes more than two") {
  const Removed r(six_scores());
  must(r.above > 2, "it removes {}", r.above);
  note(fmt::format("{}: it removes {}, select.h removes {}", text(six_scores()), r.above, r.exact));
}

CASE("keeping what is not below it removes none") {
  const Removed r(six_scores());
  must(r.not_below == 0, "it removes {}", r.not_below);
  note(fmt::format("{}: it removes {}, select.h removes {}", text(six_scores()), r.not_below, r.exact));
}
