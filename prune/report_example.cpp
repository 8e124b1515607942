// By hand: a layer of 2 x 2 weights looks at three pairs of inputs in turn, as a convolution slides over a picture; a second layer of
// 1 x 6 reads the six results. 10 weights, but 3 · 4 + 6 = 18 multiply-adds. Two weights go:
//
//   from the first layer    compression 10/8 = 1.25    speed-up 18/(3·2 + 6) = 1.5
//   from the second         compression 10/8 = 1.25    speed-up 18/(3·4 + 4) = 1.125
//
// The same size, other work: so both are reported.
#include <doctest/doctest.h>

#include "nn/layers.h"
#include "nn/picture_layers.h"
#include "prune/report.h"

namespace {
using namespace bonsai;

class Sliding : public nn::Module {
 public:
  Sliding() : first_(add_parameter("first", {2, 2})), second_(add_parameter("second", {1, 6})) {}
  Tensor forward(const Tensor& x) override {
    const std::int64_t n = x.size(0);
    return linear(reshape(linear(reshape(x, {3 * n, 2}), first_.value()), {n, 6}), second_.value());
  }
  std::string describe() const override { return "2 x 2 at three places, then 1 x 6"; }

 private:
  nn::Parameter &first_, &second_;
};
}  // namespace

TEST_CASE("size and work are different numbers") {
  Sliding net;
  const Tensor x = ones({4, 6});
  net.parameter("first").set_mask(tensor<std::uint8_t>({1, 0, 0, 1}, {2, 2}));
  prune::Report r = prune::report(net, x);
  CHECK(r.all().macs == 18);
  CHECK(r.compression() == doctest::Approx(1.25));
  CHECK(r.speed_up() == doctest::Approx(1.5));

  net.parameter("first").clear_mask();
  net.parameter("second").set_mask(tensor<std::uint8_t>({1, 1, 0, 1, 1, 0}, {1, 6}));
  r = prune::report(net, x);
  CHECK(r.compression() == doctest::Approx(1.25));
  CHECK(r.speed_up() == doctest::Approx(1.125));
}

// (2, 3) then (2, 2). The first layer keeps its first unit's row only, so its second unit gets nothing. The second layer reads the second
// unit only, so from the first nothing leads on: both are dead, and the network says the same whatever it sees.
TEST_CASE("a unit is dead when nothing comes in, or when nobody reads it") {
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 3, 2).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 2, 2);
  net.parameter("fc1.weight").set_mask(tensor<std::uint8_t>({1, 1, 1, 0, 0, 0}, {2, 3}));
  net.parameter("fc2.weight").set_mask(tensor<std::uint8_t>({0, 1, 0, 1}, {2, 2}));
  const prune::Report r = prune::report(net, ones({1, 3}));
  CHECK(r.parameters[0].name == "fc1.weight");
  CHECK(r.parameters[0].without_input == 1);
  CHECK(r.parameters[0].without_output == 1);
  CHECK(r.parameters[0].dead == 2);
  CHECK(r.parameters[2].dead == 0);
}

// A 2x2 convolution from 1 to 2 channels, sliding over 3x3 pixels: 2 · 4 weights at 2 · 2 positions are 32 multiply-adds; then 8 numbers are read by
// one unit. With one channel cut out: 16 and 4. The convolution's output is half as large as well, 4 numbers of 4 bytes instead of 8.
TEST_CASE("half the channels: half the work, half the activations") {
  auto made = [](std::int64_t channels) {
    auto net = std::make_unique<nn::Sequential>();
    net->add<nn::Conv2d>("conv", 1, channels, 2).add<nn::Flatten>("flatten").add<nn::Linear>("fc", 4 * channels, 1, false);
    return net;
  };
  const prune::Report before = prune::report(*made(2), ones({1, 1, 3, 3})), after = prune::report(*made(1), ones({1, 1, 3, 3}));
  CHECK(before.all().macs == 32 + 8);
  CHECK(after.all().macs == 16 + 4);
  CHECK(prune::comparison(before, after) ==
        "layer  shape                         parameters  after         MACs  after         output bytes  after\n"
        "conv   (2, 1, 2, 2) -> (1, 1, 2, 2)          10      5  2.00x    32     16  2.00x            32     16  2.00x\n"
        "fc     (1, 8) -> (1, 4)                       8      4  2.00x     8      4  2.00x             4      4  1.00x\n"
        "all                                          18      9  2.00x    40     20  2.00x            36     20  1.80x\n"
        "activations  36 -> 20 bytes (1.80x): every result that one example's recorded forward pass leaves in memory\n");
}
