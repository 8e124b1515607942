// By hand: a seed decides everything, so the same stream prunes the same weights, and another stream others.
#include <doctest/doctest.h>

#include "prune/scores/random.h"
#include "prune/select.h"

TEST_CASE("random scores depend on the stream and on nothing else") {
  using namespace bonsai;
  const Tensor w = tensor({5.0, -3.0, 4.0, 0.0, 1.0, 2.0, 7.0, 8.0});
  auto pruned = [&](std::uint64_t seed) { return prune::remove_lowest({{"w", prune::random_scores(w, Random(seed)), {}}}, 4)[0].to_vector<std::uint8_t>(); };
  CHECK(pruned(1) == pruned(1));
  CHECK(pruned(1) != pruned(2));
}
