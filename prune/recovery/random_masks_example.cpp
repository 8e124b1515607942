// By hand: a ticket keeps 2 of 4 weights in one layer and 3 of 3 in another; so does its control, whatever the stream. Two of four can be
// chosen in six ways, and all six come up.
#include <doctest/doctest.h>

#include <set>

#include "prune/recovery/random_masks.h"

TEST_CASE("a random mask keeps as many in every layer, at any places") {
  using namespace bonsai;
  using Bytes = std::vector<std::uint8_t>;
  const Tensor two_of_four = tensor<std::uint8_t>({1, 0, 0, 1}), all = tensor<std::uint8_t>({1, 1, 1});
  std::set<Bytes> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::vector<Tensor> m = prune::random_masks({two_of_four, all, Tensor()}, Random(seed));
    seen.insert(m[0].to_vector<std::uint8_t>());
    CHECK(m[1].to_vector<std::uint8_t>() == Bytes{1, 1, 1});
    CHECK(!m[2].defined());
  }
  CHECK(seen == std::set<Bytes>{{0, 0, 1, 1}, {0, 1, 0, 1}, {0, 1, 1, 0}, {1, 0, 0, 1}, {1, 0, 1, 0}, {1, 1, 0, 0}});
}
