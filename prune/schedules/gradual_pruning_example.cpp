// By hand: eight weights from 0 to 75% in 3 updates of 10 steps, beginning at step 10. The ramp stands at 0, 0.75 (1 - 8/27) = 0.528,
// 0.75 (1 - 1/27) = 0.722 and 0.75, so 4.22, 5.78 and 6 weights have to be gone: 4, then 2 more, then none.
#include <doctest/doctest.h>

#include "prune/schedules/gradual_pruning.h"

TEST_CASE("weights go along the ramp, the smallest first, and the masks are frozen after it") {
  using namespace bonsai;
  nn::Parameter w("w", {8}, DType::f64);
  w.set(tensor({1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0}));
  prune::GradualPruning during(prune::method("magnitude"), {.final = 0.75, .start = 10, .every = 10, .times = 3}, {.parameters = {&w}});
  std::vector<std::int64_t> kept;
  for (std::int64_t t = 0; t < 60; ++t) {
    during.before_step(t);
    if (t % 10 == 5) kept.push_back(w.kept());
  }
  CHECK(kept == std::vector<std::int64_t>{8, 8, 4, 2, 2, 2});
  CHECK(w.leaf().to_vector<double>() == std::vector<double>{0, 0, 0, 0, 0, 0, 7, -8});
}
