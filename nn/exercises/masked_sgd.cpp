// One step of SGD with momentum under which a pruned weight stays pruned.
// do it, 10 minutes. Chapter: nn/README.md, "A parameter is a slot" and "Optimizers".
//
//   g ← g + λ w          v ← μ v + g          w ← w - η v
//
// λ is the weight decay, μ the momentum, η the rate. Change w and v in place. Where mask is 0 the weight is
// gone for good: its value is 0 and so is its velocity after the step, whatever they were before it.
//
// A mask on the gradient alone is not enough: the exercise `momentum` shows why.
#include "nn/optimizers.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE void masked_step(std::vector<double>& w, std::vector<double>& v, const std::vector<double>& g,
                          const std::vector<std::uint8_t>& mask, double rate, double momentum, double decay) {
  todo();
}

// ---- The cases: steps with random gradients, beside nn::SGD on a masked parameter. The mask comes after two of them.

namespace {
void beside_sgd(double momentum, double decay, int steps) {
  Random r = seeded();
  constexpr std::int64_t n = 6;
  const std::vector<std::uint8_t> all(n, 1), some{1, 0, 1, 0, 0, 1};
  nn::Parameter p("w", {n}, DType::f64);
  p.set(r.normal({n}, 0, 1, DType::f64));
  nn::SGD sgd({&p}, {.momentum = momentum, .weight_decay = decay});
  std::vector<double> w = p.dense_values().to_vector<double>(), v(n, 0.0);
  for (int step = 0; step < steps; ++step) {
    if (step == 2) p.set_mask(tensor(std::span<const std::uint8_t>(some), {n}));
    const Tensor g = r.normal({n}, 0, 1, DType::f64);
    backward(sum(p.value() * g));  // whose gradient is g
    sgd.step(0.1);
    masked_step(w, v, g.to_vector<double>(), step < 2 ? all : some, 0.1, momentum, decay);
    check(w, p.dense_values().to_vector<double>(), fmt::format("the weights after step {}", step + 1));
  }
}
}  // namespace

CASE("two steps, nothing pruned") { beside_sgd(0.9, 0, 2); }
CASE("six steps, pruned after two, momentum 0.9") { beside_sgd(0.9, 0, 6); }
CASE("and with weight decay") { beside_sgd(0.9, 0.01, 6); }
