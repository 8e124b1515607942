// By hand: L = ((v₁ - a)² + (v₂ - 2)²)/2 with v = m w, from w = (2, 1), η = 1; one of the two weights is to stay from the second step on.
//
//   step 1   a = 0, both are there:  g = (2, -1), g w = (4, -1): s = (-4, 1). Half a step along -g: w = (1, 1.5)
//   step 2   the first, though it was the larger, is pruned: v = (0, 1.5). Now a = 10: g = (-10, -0.5), taken straight through, and
//            g w = (-10, -0.75) with the hidden w₁ = 1: s = (6, 1.75). Only w₂ moves, to 1.75
//   step 3   the first comes back, with the 1 it had; the second is pruned
//
// The penalty: sigmoid(0) = 1/2, so at s = 0 R = λ/n Σ sigmoid(s) pushes each score down by η (λ/n)/4: with λ = 8, n = 2 by 1.
#include <doctest/doctest.h>

#include "prune/schedules/movement.h"

TEST_CASE("movement prunes the larger weight, and takes it back") {
  using namespace bonsai;
  nn::Parameter w("w", {2}, DType::f64);
  w.set(tensor({2.0, 1.0}));
  prune::Movement movement({&w}, {.ramp = {.final = 0.5, .start = 0, .every = 1, .times = 1}});
  auto step = [&](std::int64_t t, double a) {  // ends where the optimizer would come
    movement.before_step(t);
    w.leaf().clear_grad();
    const Tensor r = w.value() - tensor({a, 2.0});
    backward(0.5 * sum(r * r));
    movement.after_backward(t);
    copy_into(w.leaf(), (w.leaf() - 0.5 * w.gradient()).detach());
  };
  auto are = [](const Tensor& t, double a, double b) { return t.at(0) == a && t.at(1) == b; };
  step(0, 0);
  CHECK(are(movement.scores()[0], -4, 1));
  CHECK(are(w.leaf(), 1, 1.5));
  step(1, 10);
  CHECK(are(w.soft_mask(), 0, 1));
  CHECK(are(movement.scores()[0], 6, 1.75));
  CHECK(are(w.leaf(), 1, 1.75));
  movement.before_step(2);
  CHECK(are(w.value(), 1, 0));
  movement.finish();
  CHECK(are(w.mask(), 1, 0));
  CHECK(are(prune::movement_penalty(tensor({0.0, 0.0}), 8.0 / 2), 1, 1));
}
