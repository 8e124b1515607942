// By hand: two inputs, three hidden units with ReLU, one output,
//
//   W1 = [[1, 0], [0, 1], [2, 2]]   b1 = (0, 0, -1)        W2 = [[1, 1, 3]]   b2 = 0.5
//
// A hidden unit is a row of W1, an entry of b1 and a column of W2: the graph says that they go together. Without unit 2 two rows, two entries and two
// columns are left, and x = (1, 2) gives 1 + 2 + 0.5 = 3.5 either way, masked or cut.
//
// With a sigmoid in place of the ReLU the pruned unit says sigmoid(0) = 1/2, whatever x is, and the output reads 3 · 1/2 of it: b2 becomes 2.
#include <doctest/doctest.h>

#include "nn/layers.h"
#include "prune/structure/surgery.h"

using namespace bonsai;

namespace {

template <class Activation>
std::unique_ptr<nn::Sequential> three_units() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 2, 3).template add<Activation>("activation").template add<nn::Linear>("fc2", 3, 1);
  net->to(DType::f64);
  net->parameter("fc1.weight").set(tensor({1.0, 0.0, 0.0, 1.0, 2.0, 2.0}, {3, 2}));
  net->parameter("fc1.bias").set(tensor({0.0, 0.0, -1.0}));
  net->parameter("fc2.weight").set(tensor({1.0, 1.0, 3.0}, {1, 3}));
  net->parameter("fc2.bias").set(tensor({0.5}));
  return net;
}
const Tensor x = tensor({1.0, 2.0}, {1, 2});

}  // namespace

TEST_CASE("a unit is a row, a bias and a column") {
  auto net = three_units<nn::ReLU>();
  const prune::Channels channels(*net, x);
  CHECK(channels.layers().size() == 1);  // the inputs stay, and so does the output
  const int unit = channels.layer("fc1.weight").units[2];
  CHECK(channels.tensor("fc1.weight").unit[0][2] == unit);
  CHECK(channels.tensor("fc1.bias").unit[0][2] == unit);
  CHECK(channels.tensor("fc2.weight").unit[1][2] == unit);

  prune::mask_units(channels, {unit});
  CHECK((*net)(x).item() == 3.5);
  CHECK(net->parameter("fc1.weight").shape() == Shape{3, 2});
  const prune::CutResult r = prune::cut(*net, x);
  CHECK(r.parameters == 2 + 1 + 1);
  CHECK(net->parameter("fc1.weight").shape() == Shape{2, 2});
  CHECK((*net)(x).item() == 3.5);
}

TEST_CASE("a constant goes into the next bias") {
  auto net = three_units<nn::Sigmoid>();
  const prune::Channels channels(*net, x);
  prune::mask_units(channels, {channels.layer("fc1.weight").units[2]});
  const double masked = (*net)(x).item();
  const prune::CutResult r = prune::cut(*net, x);
  CHECK(r.folded == std::vector<std::string>{"fc2.bias"});
  CHECK(net->parameter("fc2.bias").leaf().item() == 2);
  CHECK((*net)(x).item() == doctest::Approx(masked));
}
