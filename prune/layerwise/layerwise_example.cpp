// By hand: two inputs that always say the same, (1, 1) and (2, 2). fc1 = (1 1) adds them, fc2 = (3 1)ᵀ reads the sum; half of each goes.
//
//   magnitude    fc1 (0 1): half of the sum, so ((2 - 1)/2)² = 1/4 of its output's squares; fc2 (3 0): 1/(9 + 1). The first output says 3 x for 6 x
//   SparseGPT    fc1: H is c (1 1; 1 1), damped c (1.01 1; 1 1.01); the first weight goes, and the second takes over 1/1.01 of it: (0 1.990), which loses
//                (.01/1.01/2)² = .0000245. fc2 reads a sum that is nearly whole: the first output says 5.97 x
#include "prune/layerwise/layerwise.h"

#include <doctest/doctest.h>

#include "nn/layers.h"

TEST_CASE("what one input can say for another is not lost") {
  using namespace bonsai;
  const Tensor x = tensor({1.0, 1.0, 2.0, 2.0}, {2, 2});
  for (const bool compensated : {false, true}) {
    nn::Sequential net;
    net.add<nn::Linear>("fc1", 2, 1, false).add<nn::Linear>("fc2", 1, 2, false);
    net.to(DType::f64);
    net.parameter("fc1.weight").set(tensor({1.0, 1.0}, {1, 2}));
    net.parameter("fc2.weight").set(tensor({3.0, 1.0}, {2, 1}));
    const auto layers = prune::prune_layerwise(net, net.parameters(), x, prune::layer_method(compensated ? "sparsegpt" : "magnitude"), {.sparsity = 0.5});
    const double moved = compensated ? 1 + 1 / 1.01 : 1;
    CHECK(net.parameter("fc1.weight").leaf().at(0) == 0);
    CHECK(net.parameter("fc1.weight").leaf().at(1) == doctest::Approx(moved));
    CHECK(layers[0].error == doctest::Approx((2 - moved) / 2 * ((2 - moved) / 2)));
    CHECK(layers[1].error == doctest::Approx(0.1));
    CHECK(net(x).at(0) == doctest::Approx(3 * moved));
  }
}
