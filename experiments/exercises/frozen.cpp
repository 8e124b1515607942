// The mask that freezes every negative weight.
// break it, 10 minutes. Chapter: experiments/README.md, lth_mnist; a much-copied lottery-ticket program.
//
// Pruned weights are 0, and to keep them there their gradients are set to 0 before each step: of every weight
// that is
//
//   w < ε,     ε = 1e-6
//
// Give four weights, the second of them 0 (that one is pruned), of which the step freezes one that should
// have learned. All gradients are 1, the rate is 0.1.
//
// The tickets that the program finds still reach a good accuracy. What would you measure that shows the
// fault?
#include "nn/optimizers.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> four_weights() {
  return {0.5, 0, 1, 2};
}

// ---- The case: the wrong step beside nn::SGD on a parameter with a mask

CASE("a weight that is not pruned does not move") {
  const std::vector<double> w = four_weights();
  must(w.size() == 4, "{} weights; four are wanted", w.size());
  for (int i = 0; i < 4; ++i) must((w[i] == 0) == (i == 1) && std::abs(w[i]) <= 10 && (i == 1 || std::abs(w[i]) >= 1e-3), "weight {} is {}; weight 1 is 0, the others are not", i, w[i]);
  std::vector<double> wrong = w;
  for (double& x : wrong) x -= 0.1 * (x < 1e-6 ? 0 : 1);
  nn::Parameter p("w", {4}, DType::f64);
  p.set(tensor(std::span<const double>(w), {4}));
  p.set_mask(tensor<std::uint8_t>({1, 0, 1, 1}));
  nn::SGD sgd({&p});
  backward(sum(p.value()));
  sgd.step(0.1);
  const std::vector<double> truth = p.dense_values().to_vector<double>();
  must(wrong != truth, "both make {} of them", text(truth));
  note(fmt::format("{} become {}, and should become {}", text(w), text(wrong), text(truth)));
}
