// By hand: two steps from w = 1 on the loss w²/2, whose gradient is w.
//
//   SGD, rate 0.5                 1 -> 1 - 0.5·1 = 0.5 -> 0.5 - 0.5·0.5 = 0.25
//   the same, momentum 0.5        v = 1, w = 0.5;  v = 0.5·1 + 0.5 = 1, w = 0.5 - 0.5·1 = 0: it overtakes
//   Adam, rate 0.1                m̂ = 1, √v̂ = 1 in the first step whatever the gradient's size: 1 -> 0.9
#include <doctest/doctest.h>

#include "nn/optimizers.h"

using namespace bonsai;

namespace {
double after(nn::Optimizer& o, nn::Parameter& w, double rate, int steps) {
  w.set(tensor({1.0}));
  for (int i = 0; i < steps; ++i) {
    backward(0.5 * sum(w.value() * w.value()));
    o.step(rate);
  }
  return w.leaf().item();
}
}  // namespace

TEST_CASE("optimizers by hand") {
  nn::Parameter w("w", {1}, DType::f64);
  nn::SGD plain({&w}), momentum({&w}, {.momentum = 0.5});
  CHECK(after(plain, w, 0.5, 2) == 0.25);
  CHECK(after(momentum, w, 0.5, 2) == 0);
  nn::Adam adam({&w});
  CHECK(after(adam, w, 0.1, 1) == doctest::Approx(0.9).epsilon(1e-7));
}
