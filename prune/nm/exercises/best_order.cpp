// Another order of the channels is the same network, and loses less.
// do it, 45 minutes. Chapter: prune/nm/README.md, "Another order of the channels".
//
// scores (rows, 8), f64, not negative. Return an order of the eight columns, place i takes column order[i],
// for which 2:4 keeps the largest total:
//
//   kept(order) = Σ_rows Σ_groups (the two largest of the group's four)
//
// The order within a group does not matter, nor which group comes first: how many different orders are there?
// Of 16 columns there are 2.6 million.
#include <algorithm>

#include "prune/nm/permutation.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<std::int64_t> best_order(const Tensor& scores) {
  todo();
}

// ---- The cases

namespace {
void keeps_the_most(const Tensor& scores) {
  const std::vector<std::int64_t> order = best_order(scores);
  std::vector<std::int64_t> sorted = order;
  std::ranges::sort(sorted);
  check(sorted, prune::as_they_are(8), "the columns, sorted");
  const double mine = prune::kept_score(scores, {2, 4}, order), most = prune::kept_score(scores, {2, 4}, prune::exact_order(scores, {2, 4}));
  check(mine, most, "what the order keeps");
  note(fmt::format("as they are {:.4g}, in this order {:.4g}, of {:.4g}", prune::kept_score(scores, {2, 4}, prune::as_they_are(8)), mine, sum(scores).item()));
}
}  // namespace

CASE("(9 8 7 6 | 1 1 1 1) keeps 19 of 34, and can keep 30") { keeps_the_most(tensor({9.0, 8.0, 7.0, 6.0, 1.0, 1.0, 1.0, 1.0}, {1, 8})); }
CASE("ten rows") { keeps_the_most(abs(seeded().normal({10, 8}, 0, 1, DType::f64))); }
CASE("ten rows of outliers") {
  const Tensor x = seeded().normal({10, 8}, 0, 1, DType::f64);
  keeps_the_most(x * x * x * x);
}
