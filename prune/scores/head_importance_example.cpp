// By hand: one example, two heads, two tokens, d = 1. Outputs A = ((1, 2), (1, -1)), gradients ((1, 1), (2, -2)).
//   head 1   1·1 + 2·1 = 3        head 2   1·2 + (-1)(-2) = 4        within the layer (3, 4) / 5 = (0.6, 0.8)
// The same by a gate: L = Σ g · (ξ A), dL/dξ = (3, 4).
#include "prune/scores/head_importance.h"

#include <doctest/doctest.h>

TEST_CASE("a head's importance is the gradient of its gate") {
  using namespace bonsai;
  const Tensor a = tensor({1.0, 2.0, 1.0, -1.0}, {1, 2, 2, 1}), g = tensor({1.0, 1.0, 2.0, -2.0}, {1, 2, 2, 1});
  prune::HeadImportance heads;
  heads.add(a, g);
  CHECK(heads.scores(false).to_vector<double>() == std::vector{3.0, 4.0});
  CHECK(heads.scores().at(0) == doctest::Approx(0.6));

  Tensor gate = ones({1, 2, 1, 1}, DType::f64);
  gate.requires_grad(true);
  CHECK(grad(sum(a * gate * g), {gate})[0].to_vector<double>() == std::vector{3.0, 4.0});
}
