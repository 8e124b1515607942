// By hand, three walks.
#include <doctest/doctest.h>

#include "nn/layers.h"
#include "prune/recovery/linear_path.h"

using namespace bonsai;

// E(w) = w², from -1 to 3: in a bowl the highest point of a line is one of its ends, so the instability is half their difference at most.
TEST_CASE("a bowl has no wall") {
  auto square = [](const prune::Weights& w) { return w[0].at(0) * w[0].at(0); };
  const std::vector<double> errors = prune::along_line({tensor({-1.0})}, {tensor({3.0})}, 5, square);
  CHECK(errors == std::vector{1.0, 0.0, 1.0, 4.0, 9.0});
  CHECK(prune::instability(errors) == 4);  // 9 - (1 + 9)/2
}

// E(w) = (w² - 1)², from -1 to 1: two valleys and a hill of height 1 between them.
TEST_CASE("two valleys have one") {
  auto valleys = [](const prune::Weights& w) { return std::pow(w[0].at(0) * w[0].at(0) - 1, 2); };
  const std::vector<double> errors = prune::along_line({tensor({-1.0})}, {tensor({1.0})}, 5, valleys);
  CHECK(errors == std::vector{0.0, 0.5625, 1.0, 0.5625, 0.0});
  CHECK(prune::instability(errors) == 1);
}

// Two hidden units that compute relu(x) and relu(-x); class 0 when their sum |x| is above 1. With the units swapped the network computes
// the same, but half way between the two, both hidden units are 0 for every x: nothing is class 0 any more, and two of three are wrong.
TEST_CASE("the same network with its hidden units in another order lies behind a wall") {
  auto network = [] {
    auto net = std::make_unique<nn::Sequential>();
    net->add<nn::Linear>("fc1", 1, 2).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 2, 2);
    return net;
  };
  const Tensor zero = tensor({0.0f, 0.0f}), sum = tensor({1.0f, 1.0f, 0.0f, 0.0f}, {2, 2}), bias = tensor({-1.0f, 0.0f});
  const prune::Weights a{tensor({1.0f, -1.0f}, {2, 1}), zero, sum, bias}, b{tensor({-1.0f, 1.0f}, {2, 1}), zero, sum, bias};
  const Tensor inputs = tensor({-3.0f, 0.0f, 3.0f}, {3, 1}), labels = tensor<std::int64_t>({0, 1, 0});
  const std::vector<double> errors = prune::errors_along_line(a, b, network, inputs, labels, 5);
  CHECK(errors == std::vector{0.0, 0.0, 200.0 / 3, 0.0, 0.0});
  CHECK(prune::instability(errors) == 200.0 / 3);
}
