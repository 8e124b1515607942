// Which weights go? Exactly as many as asked for.
// do it, 45 minutes. Chapter: prune/README.md, "Selecting: exact counts".
//
// scores (f64, any shape), higher = keep, and a mask (u8, same shape) of what is still there. Return the mask
// after the `remove` lowest scores among the kept entries have gone; among equal scores the one with the
// lowest index goes first. What the mask has pruned stays pruned, whatever its score is.
//
// Sorting is allowed here; a library that prunes 50 million weights would rather not. No threshold: the
// exercise `ties` shows why.
#include "prune/select.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor without_lowest(const Tensor& scores, const Tensor& mask, std::int64_t remove) {
  todo();
}

// ---- The cases

namespace {
Tensor everything(const Tensor& scores) { return ones(scores.shape(), DType::u8); }
Tensor reference_selection(const Tensor& scores, const Tensor& mask, std::int64_t remove) { return prune::remove_lowest({{"w", scores, mask}}, remove)[0]; }
}  // namespace

CASE("three of six, by hand") {
  const Tensor scores = tensor({4.0, 1.0, 3.0, 2.0, 6.0, 5.0});
  check(without_lowest(scores, everything(scores), 3), tensor<std::uint8_t>({1, 0, 0, 0, 1, 1}));
}

CASE("equal scores: the lowest index goes first") {
  const Tensor scores = tensor({2.0, 1.0, 1.0, 1.0, 3.0});
  check(without_lowest(scores, everything(scores), 2), tensor<std::uint8_t>({1, 0, 0, 1, 1}));
}

CASE("what is pruned stays pruned, and does not count") {
  const Tensor scores = tensor({5.0, -9.0, 1.0, 2.0}), mask = tensor<std::uint8_t>({1, 0, 1, 1});
  check(without_lowest(scores, mask, 1), tensor<std::uint8_t>({1, 0, 0, 1}));
}

CASE("nothing, and everything") {
  const Tensor scores = seeded().normal({3, 4}, 0, 1, DType::f64);
  check(without_lowest(scores, everything(scores), 0), everything(scores), "none removed");
  check(without_lowest(scores, everything(scores), 12), zeros({3, 4}, DType::u8), "all removed");
}

CASE("a layer of 300 weights with many ties, in three rounds") {
  Random r = seeded();
  Tensor scores = empty({20, 15}, DType::f64);
  for (double& s : scores.mutable_data<double>()) s = static_cast<double>(r.below(40)) - 20;
  Tensor mine = everything(scores), library = mine;
  for (int round = 1; round <= 3; ++round) {
    mine = without_lowest(scores, mine, 60);
    library = reference_selection(scores, library, 60);
    check(mine, library, fmt::format("round {}", round));
  }
}
