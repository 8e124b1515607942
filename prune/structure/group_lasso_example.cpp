// By hand: a weight of two filters, (3, 4) and (0.6, 0.8), of lengths 5 and 1. A step of η λ = 2 takes 2 off each length: the first is left with 3 of 5,
// (1.8, 2.4), the second with nothing. Read by channels the same weight is (3, 0.6) and (4, 0.8), of lengths √9.36 = 3.06 and √16.64 = 4.08: at 2 both stay.
#include <doctest/doctest.h>

#include <cmath>

#include "prune/structure/group_lasso.h"

TEST_CASE("a short filter leaves whole, a long one loses the same length; by channels none leaves") {
  using namespace bonsai;
  Tensor filters = tensor({3.0, 4.0, 0.6, 0.8}, {2, 2}), channels = tensor({3.0, 4.0, 0.6, 0.8}, {2, 2});
  CHECK(prune::group_lasso(filters, {prune::Groups::filters, 2}) == doctest::Approx(12));  // 2 (5 + 1)
  prune::proximal_step(filters, {prune::Groups::filters, 2}, 1);
  CHECK(filters.at(0) == doctest::Approx(1.8));
  CHECK(filters.at(1) == doctest::Approx(2.4));
  CHECK(filters.at(2) == 0);
  CHECK(filters.at(3) == 0);
  CHECK(prune::zero_groups(filters).filters == std::vector<std::int64_t>{1});
  prune::proximal_step(channels, {prune::Groups::channels, 2}, 1);
  CHECK(channels.at(2) == doctest::Approx(0.6 * (1 - 2 / std::sqrt(9.36))));
  CHECK(prune::zero_groups(channels).filters.empty());
}
