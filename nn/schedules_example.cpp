// By hand: rate 0.8, two iterations of warm-up, a tenth of it from iteration 4 on.
//
//   iteration   0     1     2     3     4      5
//   rate        0.4   0.8   0.8   0.8   0.08   0.08
#include <doctest/doctest.h>

#include "nn/schedules.h"

TEST_CASE("a schedule is a function of the iteration") {
  using namespace bonsai::nn;
  const Schedule rate = warmup(2, steps(0.8, {4}));
  const double want[] = {0.4, 0.8, 0.8, 0.8, 0.08, 0.08};
  for (int i = 0; i < 6; ++i) CHECK(rate(i) == doctest::Approx(want[i]).epsilon(1e-14));
}
