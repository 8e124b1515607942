// A filter pruned, and its bias forgotten.
// break it, 10 minutes. Chapter: prune/structure/README.md, "Surgery".
//
// y = w2 · relu(W1 x + b1) with three hidden units and two inputs. All weights of unit 1 are pruned, so a
// hasty surgeon drops the unit: its row of W1, its entry of b1, its entry of w2. Give b1 and w2 (three
// numbers each), for which that changes the output of every input by 2 or more.
//
// What does the house's `cut` do with such a unit, and what does its result say in `held`?
#include "nn/layers.h"
#include "prune/structure/surgery.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> first_biases() {
  return {1, 0, 1};
}
EXERCISE std::vector<double> second_weights() {
  return {1, 1, 1};
}

// ---- The case

CASE("100 inputs: the hasty surgeon is wrong on each") {
  const std::vector<double> b = first_biases(), v = second_weights();
  must(b.size() == 3 && v.size() == 3, "{} biases and {} weights; three of each are wanted", b.size(), v.size());
  for (int i = 0; i < 3; ++i) must(std::abs(b[i]) <= 10 && std::abs(v[i]) <= 10, "unit {}: {} and {}; at most 10 are allowed", i, b[i], v[i]);
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 2, 3).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 3, 1, false);
  net.to(DType::f64);
  net.parameter("fc1.weight").set(tensor({1.0, -1.0, 5.0, 5.0, 0.5, 2.0}, {3, 2}));
  net.parameter("fc1.weight").set_mask(tensor<std::uint8_t>({1, 1, 0, 0, 1, 1}, {3, 2}));
  net.parameter("fc1.bias").set(tensor(std::span<const double>(b), {3}));
  net.parameter("fc2.weight").set(tensor(std::span<const double>(v), {1, 3}));
  const Tensor x = seeded().normal({100, 2}, 0, 1, DType::f64), whole = net(x);
  const Tensor hasty = whole - std::max(b[1], 0.0) * v[1];  // without what unit 1 says
  const double least = min(abs(whole - hasty)).item();
  must(least >= 2, "on one input the outputs differ by {:.3g} only", least);
  const prune::CutResult r = prune::cut(net, x);
  note(fmt::format("they differ by {:.3g}; `cut` took {} units, and says: {}", least, r.units, r.held.empty() ? "nothing" : r.held[0]));
}
