// By hand: three rounds of 20% leave 0.8³ = 51.2% of 1,000 weights: 1000 -> 800 -> 640 -> 512. Of what remains, not of the start:
// that would be 1000 -> 800 -> 600 -> 400.
#include <doctest/doctest.h>

#include "prune/schedules/iterative.h"

TEST_CASE("iterative pruning compounds") {
  using bonsai::prune::kept_after;
  CHECK(kept_after(1000, 0.2, 1) == 800);
  CHECK(kept_after(1000, 0.2, 3) == 512);
  // LeNet-300-100's three layers after seven rounds: 49325 + 6291 + 478 of 266,200, 21.07%.
  CHECK(kept_after(235200, 0.2, 7) + kept_after(30000, 0.2, 7) + kept_after(1000, 0.1, 7) == 56094);
}
