// By hand: one example x = 1, target 0, loss y²/2, and y = v tanh(u x) with u = 1, v = 2. t = tanh 1 = 0.7616, t' = 1 - t² = 0.4200.
//
//   at the output   dL/dy = y = 2t = 1.5232,  d²L/dy² = 1
//   v               h = d²L/dy² t² = 0.5800                                             exact: the last layer
//   hidden z = t    dL/dz = v dL/dy = 3.0464,  d²L/dz² = v² = 4
//   u               h = t'² 4 + f'' 3.0464,  f'' = -2 t t' = -0.6397:  0.7055 - 1.9488 = -1.2433; without f'': 0.7055
//
// With one unit in a layer there are no cross terms to drop, so the first is the true d²L/du². (Here the network is far from a minimum, and OBD's score with it says little.) It is negative: OBD would take the loss to fall
// without u, and Levenberg and Marquardt's form never says so.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "prune/scores/backpropagated_diagonal.h"

TEST_CASE("a second derivative handed back through tanh") {
  using namespace bonsai;
  Tensor u = tensor({1.0}, {1, 1}), v = tensor({2.0}, {1, 1});
  u.requires_grad(true);
  v.requires_grad(true);
  const Tensor y = linear(tanh(linear(ones({1, 1}, DType::f64), u)), v);
  auto loss = [](const Tensor& outputs, const Tensor&) { return sum(outputs * outputs) * 0.5; };
  const Tensors full = prune::backpropagated_diagonal(y, loss, {}, {u, v}, prune::SecondOrder::full);
  const Tensors positive = prune::backpropagated_diagonal(y, loss, {}, {u, v}, prune::SecondOrder::positive);
  CHECK(full[1].item() == doctest::Approx(0.5800).epsilon(1e-4));
  CHECK(full[0].item() == doctest::Approx(-1.2433).epsilon(1e-4));
  CHECK(positive[0].item() == doctest::Approx(0.7055).epsilon(1e-4));
}
