// By hand: from 0 to 80% in 2 updates of 10 steps. Half way the cubic ramp has (1 - 1/2)³ = 1/8 of the way left: 0.8 - 0.1 = 0.7.
#include <doctest/doctest.h>

#include "prune/schedules/gradual.h"

TEST_CASE("the cubic ramp is fast at first and slow at the end") {
  const bonsai::prune::Gradual g{.initial = 0, .final = 0.8, .start = 100, .every = 10, .times = 2};
  CHECK(g.sparsity(0) == doctest::Approx(0));
  CHECK(g.sparsity(110) == doctest::Approx(0.7));
  CHECK(g.sparsity(1000) == doctest::Approx(0.8));
  CHECK(g.due(100));
  CHECK(!g.due(105));
  CHECK(g.due(120));
  CHECK(!g.due(130));  // frozen
}
