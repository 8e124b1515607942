// By hand: a layer with 2 inputs and 6 outputs. Glorot's variance is 2/(2 + 6) = 1/4, He's 2/2 = 1, LeCun's 1/2. A uniform distribution
// of variance 1/4 goes from -√(3/4) to √(3/4).
#include <doctest/doctest.h>

#include "nn/init.h"

TEST_CASE("the variance of initial weights") {
  using namespace bonsai;
  using namespace bonsai::nn;
  CHECK(variance({Fan::glorot}, {6, 2}) == 0.25);
  CHECK(variance({Fan::he}, {6, 2}) == 1);
  CHECK(variance({Fan::lecun}, {6, 2}) == 0.5);

  Random stream(1);
  const Tensor w = initial_weight({Fan::glorot, Distribution::uniform}, {6, 2}, stream, DType::f64);
  CHECK(max(abs(w)).item() <= std::sqrt(0.75));
}
