// Momentum that revives a pruned weight.
// break it, 10 minutes. Chapter: nn/README.md, "A parameter is a slot".
//
// This optimizer multiplies the gradient by the mask, as many do, and sets the weight to 0 when it is pruned:
//
//   v ← μ v + m g          w ← w - η v          μ = 0.9, η = 0.1
//
// The weight starts at 1 and is pruned after the second of six steps. Give the six gradients, so that at the
// end it is there again: |w| at least 0.3.
//
// Only two of the six matter. Which? How long would it take to come to rest, and where?
#include "nn/optimizers.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> six_gradients() {
  return {0, 0, 1, 1, 1, 1};
}

// ---- The wrong one, the house's, and the case

namespace {
constexpr double rate = 0.1, mu = 0.9;

double gradient_masked(const std::vector<double>& g) {
  double w = 1, v = 0;
  for (std::size_t step = 0; step < g.size(); ++step) {
    const double m = step < 2 ? 1 : 0;
    v = mu * v + m * g[step];
    w -= rate * v;
    if (step == 1) w = 0;  // pruned
  }
  return w;
}

double parameter_masked(const std::vector<double>& g) {
  nn::Parameter p("w", {1}, DType::f64);
  p.set(tensor({1.0}));
  nn::SGD sgd({&p}, {.momentum = mu});
  for (std::size_t step = 0; step < g.size(); ++step) {
    backward(sum(p.value() * g[step]));
    sgd.step(rate);
    if (step == 1) p.set_mask(tensor<std::uint8_t>({0}));
  }
  return p.dense_values().item();
}
}  // namespace

CASE("six gradients between -5 and 5") {
  const std::vector<double> g = six_gradients();
  must(g.size() == 6, "{} gradients; six are wanted", g.size());
  for (double x : g) must(std::abs(x) <= 5, "a gradient of {}; they lie between -5 and 5", x);
  const double wrong = gradient_masked(g), truth = parameter_masked(g);
  check(truth, 0.0, "the house's optimizer");
  must(std::abs(wrong) >= 0.3, "the pruned weight ends at {}; nothing came back", wrong);
  note(fmt::format("with the gradient masked the pruned weight ends at {:.4g}, here at {}", wrong, truth));
}
