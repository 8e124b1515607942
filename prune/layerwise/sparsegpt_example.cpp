// By hand, on the blackboard of magnitude and OBS: H = [[1,-2,0],[-2,5,0],[0,0,1]], one row w = (5, 3, 4), H⁻¹ = [[5,2,0],[2,1,0],[0,0,1]].
//
//   H⁻¹ = UᵀU:   U = ( √5 2/√5 0 )     s = w²/U_jj² = (5, 45, 16)      OBS's 2 L are (5, 9, 16): deleting w₂ costs SparseGPT 45, for w₁,
//                    (    1/√5 0 )                                     to its left, may not move any more
//                    (         1 )
//
// One of three: w₁ goes, e = 5/√5 = √5, w₂ ← 3 - √5 · 2/√5 = 1: (0, 1, 4), as OBS does.
// Two of three: the scores were looked at once for the block, so w₁ and w₃ go: (0, 1, 0), for 5 + 16 = 21. Exact OBS looks again, sees that w₂ = 1 has
// become cheap, 1/(1/5) = 5, and leaves (0, 0, 4), for 5 + 5 = 10.
#include "prune/layerwise/sparsegpt.h"

#include <doctest/doctest.h>

#include "prune/layerwise/obc.h"

namespace {
using namespace bonsai;

const Tensor h = tensor({1.0, -2.0, 0.0, -2.0, 5.0, 0.0, 0.0, 0.0, 1.0}, {3, 3}), w = tensor({5.0, 3.0, 4.0}, {1, 3});

void check(const Tensor& values, std::vector<double> want, double cost) {
  for (int i = 0; i < 3; ++i) CHECK(values.at(i) == doctest::Approx(want[i]));
  CHECK(prune::layer_error(w, values, h) == doctest::Approx(cost / 26));  // wᵀHw = 26
}
}  // namespace

TEST_CASE("SparseGPT deletes one weight as OBS does, and of two the wrong one") {
  check(prune::sparsegpt("w", w, h, {.sparsity = 1.0 / 3}, {.damping = 0}).values, {0, 1, 4}, 5);
  check(prune::sparsegpt("w", w, h, {.sparsity = 2.0 / 3}, {.damping = 0}).values, {0, 1, 0}, 21);
}

TEST_CASE("exact OBS looks again after each weight") {
  check(prune::obc("w", w, h, {.sparsity = 1.0 / 3}, {.damping = 0}).values, {0, 1, 4}, 5);
  check(prune::obc("w", w, h, {.sparsity = 2.0 / 3}, {.damping = 0}).values, {0, 0, 4}, 10);
}
