// By hand: two weights w = (1, 2), two examples with gradients (1, 1) and (1, -1), alpha = 1.
//
//   F = ((1,1)(1,1)ᵀ + (1,-1)(1,-1)ᵀ)/2 + I = [[2, 0], [0, 2]],   F⁻¹ = diag(1/2, 1/2)
//   s = w² / (2 · 1/2) = (1, 4)
//
// Blocks of 1 give the same here, since F is diagonal. With gradients (1, 1) twice F = [[2, 1], [1, 2]], F⁻¹ = [[2, -1], [-1, 2]]/3,
// s = 3/4 (1, 4), and deleting the first weight moves the second: δw = -1/(2/3) (2/3, -1/3) = (-1, 1/2). A block of 1 cannot see that.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "prune/scores/obs/woodfisher.h"

TEST_CASE("the Fisher matrix's inverse, whole and in blocks") {
  using namespace bonsai;
  const Tensor w = tensor({1.0, 2.0});
  auto opposite = [](std::int64_t k) { return k == 0 ? tensor({1.0, 1.0}) : tensor({1.0, -1.0}); };
  auto same = [](std::int64_t) { return tensor({1.0, 1.0}); };
  for (std::int64_t block : {1, 2}) {
    const auto s = prune::woodfisher_scores(w, prune::fisher_inverse(2, 2, opposite, block, 1)).to_vector<double>();
    CHECK(s[0] == doctest::Approx(1));
    CHECK(s[1] == doctest::Approx(4));
  }
  const auto whole = prune::fisher_inverse(2, 2, same, 2, 1), single = prune::fisher_inverse(2, 2, same, 1, 1);
  CHECK(prune::woodfisher_scores(w, whole).at(0) == doctest::Approx(0.75));
  const Tensor mask = tensor<std::uint8_t>({0, 1});
  CHECK(prune::woodfisher_change(w, whole, mask).at(0) == -1);
  CHECK(prune::woodfisher_change(w, whole, mask).at(1) == doctest::Approx(0.5));
  CHECK(prune::woodfisher_change(w, single, mask).at(1) == 0);
}
