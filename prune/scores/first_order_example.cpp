// By hand: L = (2 w₁ - w₂)²/2 at w = (1, -1): the residual is 3, g = (6, -3). g w = (6, 3).
// SNIP and Taylor score (6, 3), SNIP as shares (2/3, 1/3). A gradient step makes w₁ smaller and w₂ larger, towards 0 both: the movement
// scores are (-6, -3), and the first goes first. H = [[4,-2],[-2,1]], H g = (30, -15), so GraSP scores (30, 15).
#include <doctest/doctest.h>

#include "core/derivatives.h"
#include "prune/scores/grasp.h"
#include "prune/scores/movement.h"
#include "prune/scores/snip.h"
#include "prune/scores/taylor.h"

TEST_CASE("SNIP, Taylor, movement and GraSP on two weights") {
  using namespace bonsai;
  Tensor w = tensor({1.0, -1.0});
  w.requires_grad(true);
  auto loss = [&] {
    const Tensor r = sum(w * tensor({2.0, -1.0}));
    return 0.5 * r * r;
  };
  const Tensor g = grad(loss(), {w})[0];
  CHECK(g.to_vector<double>() == std::vector{6.0, -3.0});
  CHECK(prune::taylor(w, g).to_vector<double>() == std::vector{6.0, 3.0});
  CHECK(prune::snip({w}, {g})[0].at(0) == doctest::Approx(2.0 / 3));
  CHECK(prune::movement(zeros_like(g), w, g).to_vector<double>() == std::vector{-6.0, -3.0});
  CHECK(prune::grasp(w, hvp(loss(), {w}, {g})[0]).to_vector<double>() == std::vector{30.0, 15.0});
}
