// Half of the channels is not half of the parameters.
// do it, 10 minutes. Chapter: prune/structure/README.md, "Which channels".
//
// A chain of linear layers with biases: widths = {inputs, hidden, ..., outputs}. cut[h] units of hidden layer
// h (h = 0 is widths[1]) are really cut out. Return how many parameters are left, weights and biases. A unit
// takes its row, its bias and a column of the next layer with it.
//
// LeNet-300-100 without half of its hidden units: what share is left? And of a large VGG, roughly?
#include "nn/layers.h"
#include "prune/structure/surgery.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::int64_t parameters_left(const std::vector<std::int64_t>& widths, const std::vector<std::int64_t>& cut) {
  todo();
}

// ---- The cases

namespace {
std::int64_t really_left(const std::vector<std::int64_t>& widths, const std::vector<std::int64_t>& cut) {
  nn::Sequential net;
  for (std::size_t l = 1; l < widths.size(); ++l) {
    if (l > 1) net.add<nn::ReLU>(fmt::format("relu{}", l - 1));
    net.add<nn::Linear>(fmt::format("fc{}", l), widths[l - 1], widths[l]);
  }
  const Tensor x = zeros({1, widths[0]});
  const prune::Channels channels(net, x);
  std::vector<int> units;
  for (std::size_t h = 0; h < cut.size(); ++h) {
    const std::vector<int>& of = channels.layer(fmt::format("fc{}.weight", h + 1)).units;
    units.insert(units.end(), of.begin(), of.begin() + cut[h]);
  }
  prune::mask_units(channels, units);
  prune::cut(net, x);
  std::int64_t left = 0;
  for (const nn::Parameter* p : net.parameters()) left += p->numel();
  return left;
}
}  // namespace

CASE("2 inputs, 3 hidden units, 1 output, one of them cut: 9") { check(parameters_left({2, 3, 1}, {1}), 9); }
CASE("nothing cut: LeNet-300-100's 266,610") { check(parameters_left({784, 300, 100, 10}, {0, 0}), 266'610); }
CASE("LeNet-300-100 without half of its hidden units, beside prune::cut") {
  check(parameters_left({784, 300, 100, 10}, {150, 50}), really_left({784, 300, 100, 10}, {150, 50}));
}
CASE("four layers, cut unevenly") {
  Random r = seeded();
  const std::vector<std::int64_t> widths{5, 20, 30, 10, 4};
  const std::vector<std::int64_t> cut{static_cast<std::int64_t>(r.below(19)), static_cast<std::int64_t>(r.below(29)), static_cast<std::int64_t>(r.below(9))};
  check(parameters_left(widths, cut), really_left(widths, cut));
}
