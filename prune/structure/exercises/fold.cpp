// Surgery by hand: hidden units that are really gone.
// do it, 45 minutes. Chapter: prune/structure/README.md, "Surgery".
//
//   y = W2 f(W1 x + b1) + b2          W1 (hidden, in), b1 (hidden), W2 (out, hidden), b2 (out), f64
//
// Some hidden units are pruned: kept (hidden) is 0 there, and so are their rows of W1 and their entries of
// b1. Return {W1', b1', W2', b2'} of the smaller network that computes the same. What does a pruned unit say
// when f is the sigmoid? Where does that go? f0 is f(0).
#include "nn/layers.h"
#include "prune/structure/surgery.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<Tensor> without_pruned(const Tensor& w1, const Tensor& b1, const Tensor& w2, const Tensor& b2,
                                            const std::vector<std::uint8_t>& kept, double f0) {
  todo();
}

// ---- The cases, beside prune::cut

namespace {
template <class F>
void beside_cut(double f0) {
  Random r = seeded();
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 3, 6).add<F>("f").template add<nn::Linear>("fc2", 6, 2);
  net.to(DType::f64);
  const std::vector<std::uint8_t> kept{1, 0, 1, 1, 0, 1};
  const std::vector<std::string> names{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"};
  for (const std::string& name : names) net.parameter(name).set(r.normal(net.parameter(name).shape(), 0, 1, DType::f64));
  const Tensor rows = tensor(std::span<const std::uint8_t>(kept), {6});
  net.parameter("fc1.weight").set_mask(clone(broadcast_to(reshape(rows, {6, 1}), {6, 3})));
  net.parameter("fc1.bias").set_mask(rows);
  std::vector<Tensor> whole;
  for (const std::string& name : names) whole.push_back(net.parameter(name).dense_values());
  const std::vector<Tensor> mine = without_pruned(whole[0], whole[1], whole[2], whole[3], kept, f0);
  must(mine.size() == 4, "{} tensors; W1', b1', W2' and b2' are wanted", mine.size());
  prune::cut(net, r.normal({5, 3}, 0, 1, DType::f64));
  for (int i = 0; i < 4; ++i) check(mine[i], net.parameter(names[i]).dense_values(), names[i]);
}
}  // namespace

CASE("with ReLU, f(0) = 0") { beside_cut<nn::ReLU>(0); }
CASE("with tanh, f(0) = 0") { beside_cut<nn::Tanh>(0); }
CASE("with the sigmoid, f(0) = 1/2") { beside_cut<nn::Sigmoid>(0.5); }
