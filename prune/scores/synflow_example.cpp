// By hand: two inputs, one hidden unit, one output, weights (1, -2) and 3. With ones fed and absolute weights R = 3 (1 + 2) = 9.
// Scores: 3·1 = 3 and 3·2 = 6 in the first layer, 3·3 = 9 in the second: each layer sums to R.
#include <doctest/doctest.h>

#include "core/autograd.h"
#include "prune/scores/synflow.h"

TEST_CASE("synaptic flow is conserved from layer to layer") {
  using namespace bonsai;
  Tensor first = tensor({1.0, -2.0}), second = tensor({3.0});
  Tensor a = abs(first), b = abs(second);
  a.requires_grad(true);
  b.requires_grad(true);
  const Tensors g = grad(sum(sum(a) * b), {a, b});
  CHECK(prune::synflow(first, g[0]).to_vector<double>() == std::vector{3.0, 6.0});
  CHECK(prune::synflow(second, g[1]).to_vector<double>() == std::vector{9.0});
}
