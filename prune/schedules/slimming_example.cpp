// By hand: γ = (2, -0.5, 0), gradients (1, 1, 1), s = 0.1: they become (1.1, 0.9, 1). Both of the first are pulled towards 0, the third lies there.
#include "prune/schedules/slimming.h"

#include <doctest/doctest.h>

#include "nn/picture_layers.h"

TEST_CASE("the penalty pulls every gamma towards 0 with the same strength") {
  using namespace bonsai;
  nn::BatchNorm2d bn(3);
  bn.to(DType::f64);
  bn.gamma().set(tensor({2.0, -0.5, 0.0}));
  backward(sum(bn.gamma().value()));
  const prune::Slimming slimming(prune::batch_norm_gammas(bn), 0.1);
  slimming.after_backward();
  CHECK(bn.gamma().gradient().to_vector<double>() == std::vector{1.1, 0.9, 1.0});
  CHECK(slimming.penalty() == doctest::Approx(0.25));
}
