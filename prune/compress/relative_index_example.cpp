// By hand, the paper's figure: 16 places, weights at 1, 4 and 15, steps of 3 bits, so of 8 at most. From 4 to 15 are 11 places: a filler zero at 12, and 3 more.
// With 2 bits steps reach 4 places, and two fillers are needed, at 8 and 12. With 4 bits there are none.
#include <doctest/doctest.h>

#include "prune/compress/relative_index.h"

TEST_CASE("a step that is too long is broken by filler zeros") {
  using bonsai::prune::Step, bonsai::prune::relative_index;
  CHECK(relative_index({1, 4, 15}, 16, 3) == std::vector<Step>{{1, false}, {2, false}, {7, true}, {2, false}});
  CHECK(relative_index({1, 4, 15}, 16, 2) == std::vector<Step>{{1, false}, {2, false}, {3, true}, {3, true}, {2, false}});
  CHECK(relative_index({1, 4, 15}, 16, 4).size() == 3);
}
