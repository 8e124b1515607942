// By hand: two rows share H⁻¹ = [[5,2,0],[2,1,0],[0,0,1]].
//
//   row 1  (5, 3, 4)   s = (5, 9, 16): w₁ for 5, leaves (0, 1, 4);  w₂ for 1/.2 = 5;  w₃ for 16
//   row 2  (1, 1, 1)   s = (.2, 1, 1): w₁ for .2, leaves (0, .6, 1);  w₃ for 1;       w₂ for .36/.2 = 1.8
//
// Two of six, all rows together: .2 and 1, both of row 2, which keeps (0, .6, 0). A third of each row: w₁ of both.
// 1:3 keeps one of each row: (0, 0, 4) and (0, .6, 0).
#include "prune/layerwise/obc.h"

#include <doctest/doctest.h>

namespace {
using namespace bonsai;

const Tensor h = tensor({1.0, -2.0, 0.0, -2.0, 5.0, 0.0, 0.0, 0.0, 1.0}, {3, 3}), w = tensor({5.0, 3.0, 4.0, 1.0, 1.0, 1.0}, {2, 3});

void check(const prune::Compensated& c, std::vector<double> want) {
  for (int i = 0; i < 6; ++i) CHECK(c.values.at(i) == doctest::Approx(want[i]));
  for (int i = 0; i < 6; ++i) CHECK(c.mask.at(i) == (want[i] != 0));
}
}  // namespace

TEST_CASE("rows compete by the losses they have written down") {
  check(prune::obc("w", w, h, {.sparsity = 1.0 / 3}, {.damping = 0}), {5, 3, 4, 0, 0.6, 0});
  check(prune::obc("w", w, h, {.sparsity = 1.0 / 3}, {.damping = 0, .per_row = true}), {0, 1, 4, 0, 0.6, 1});
  check(prune::obc("w", w, h, {.pattern = prune::NM{1, 3}}, {.damping = 0}), {0, 0, 4, 0, 0.6, 0});
}
