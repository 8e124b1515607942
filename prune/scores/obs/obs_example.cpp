// By hand: H = [[1,-2,0],[-2,5,0],[0,0,1]], w = (5, 3, 4), H⁻¹ = [[5,2,0],[2,1,0],[0,0,1]].
// s = (25/10, 9/2, 16/2) = (2.5, 4.5, 8): OBS deletes w₁, the largest, for 2.5, since w₂ can make up for it:
// δw = -5/5 (5, 2, 0) = (-5, -2, 0), which leaves (0, 1, 4).
#include <doctest/doctest.h>

#include "core/ops.h"
#include "prune/scores/obs/inverse.h"
#include "prune/scores/obs/obs.h"
#include "prune/scores/obs/outer_products.h"

namespace {
using namespace bonsai;
const Tensor hessian = tensor({1.0, -2.0, 0.0, -2.0, 5.0, 0.0, 0.0, 0.0, 1.0}, {3, 3}), w = tensor({5.0, 3.0, 4.0});
}  // namespace

TEST_CASE("OBS deletes the largest weight and lets another make up for it") {
  const prune::Inverse found = prune::damped_inverse(hessian);
  CHECK(found.damping == 0);
  const auto scores = prune::obs_scores(w, found.inverse).to_vector<double>();
  for (int i = 0; i < 3; ++i) CHECK(scores[i] == doctest::Approx(std::vector{2.5, 4.5, 8.0}[i]));
  const auto change = prune::obs_change(w, found.inverse, 0).to_vector<double>();
  for (int i = 0; i < 3; ++i) CHECK(change[i] == doctest::Approx(std::vector{-5.0, -2.0, 0.0}[i]));
}

TEST_CASE("w1 and w2 cost 5 together and 2.5 + 2.5 one after the other, not 2.5 + 4.5") {
  Tensor inverse = prune::damped_inverse(hessian).inverse;
  CHECK(prune::obs_joint(w, inverse, {0, 1}).cost == doctest::Approx(5));
  const Tensor after = w + prune::obs_change(w, inverse, 0);  // (0, 1, 4)
  prune::forget_weight(inverse, 0);                           // what is left of H is [[5, 0], [0, 1]]; [H⁻¹]_22 was 1, and is 1/5 now
  CHECK(inverse.at(4) == doctest::Approx(0.2));
  CHECK(inverse.at(8) == doctest::Approx(1));
  CHECK(prune::obs_scores(after, inverse, tensor<std::uint8_t>({0, 1, 1})).at(1) == doctest::Approx(2.5));
}

TEST_CASE("the inverse grown from outer products is the inverse of their mean plus alpha") {
  const Tensor x = tensor({1.0, 0.0, 0.0, 2.0}, {2, 2});  // X Xᵀ: diag(1, 0) and diag(0, 4); their mean is diag(0.5, 2)
  const auto h = prune::outer_product_inverse(x, 0.5).to_vector<double>();
  CHECK(h[0] == doctest::Approx(1 / (0.5 + 0.5)));
  CHECK(h[3] == doctest::Approx(1 / (2 + 0.5)));
  CHECK(h[1] == doctest::Approx(0));
}
