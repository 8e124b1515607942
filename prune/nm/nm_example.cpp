// N:M by hand.
#include <doctest/doctest.h>

#include "prune/nm/nm.h"
#include "prune/nm/permutation.h"

using namespace bonsai;
using namespace bonsai::prune;

TEST_CASE("2:4 keeps the two largest of every four in a row") {
  const Tensor w = tensor({.9, .1, .2, .5, 0., .3, .3, .1}, {1, 8});  // |w|
  CHECK(nm_mask("w", w, {2, 4}).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 0, 1, 0, 1, 1, 0});
  CHECK(nm_mask("w", w, {1, 4}).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 0, 0, 0, 0, 1, 0});  // .3 and .3: the first goes first
  CHECK(nm_mask("w", w, {2, 8}).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 0, 1, 0, 0, 0, 0});  // as dense as 1:4, and freer
}

TEST_CASE("another order of the columns lets 2:4 keep 30 of 34 instead of 19") {
  const Tensor w = tensor({9., 8., 7., 6., 1., 1., 1., 1.}, {1, 8});
  CHECK(kept_score(w, {2, 4}, as_they_are(8)) == 19);
  const Order order = exact_order(w, {2, 4});
  CHECK(kept_score(w, {2, 4}, order) == 30);
}
