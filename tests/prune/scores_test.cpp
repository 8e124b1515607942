// Each score against a slow, independent computation of its formula: differences of the loss itself, on a small network whose Hessian
// is not diagonal.
#include <gtest/gtest.h>

#include <cmath>

#include "core/derivatives.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "prune/registry.h"
#include "tests/refuses.h"

namespace {

using namespace bonsai;

// 3-4-2 with tanh, f64, on 20 examples.
struct Small {
  nn::Sequential net;
  Tensor x, y;
  std::vector<nn::Parameter*> weights;
  Small() {
    net.add<nn::Linear>("fc1", 3, 4).add<nn::Tanh>("tanh").add<nn::Linear>("fc2", 4, 2);
    net.to(DType::f64);
    nn::initialize(net, {}, Random(3));
    Random random(4);
    x = random.normal({20, 3}, 0, 1, DType::f64);
    y = cast(random.uniform({20}, 0, 2), DType::i64);
    weights = prune::prunable(net);
  }
  Tensor loss(double temperature = 1) { return cross_entropy(net(x) / temperature, y); }
  prune::ScoreInputs inputs() {
    return {.parameters = weights, .random = Random(5), .net = &net, .inputs = x, .targets = y};
  }
  double& entry(std::size_t p, std::int64_t i) { return weights[p]->leaf().mutable_data<double>()[i]; }
  // The loss with weight i of parameter p moved by d.
  double moved(std::size_t p, std::int64_t i, double d, double temperature = 1) {
    NoGrad off;
    entry(p, i) += d;
    const double value = loss(temperature).item();
    entry(p, i) -= d;
    return value;
  }
  double slope(std::size_t p, std::int64_t i, double temperature = 1) {
    return (moved(p, i, 1e-6, temperature) - moved(p, i, -1e-6, temperature)) / 2e-6;
  }
};

// check(parameter, index, weight, score) for every weight.
template <class F>
void each_score(Small& s, const char* name, F check) {
  const std::vector<Tensor> scores = prune::method(name).score(s.inputs());
  ASSERT_EQ(scores.size(), s.weights.size());
  for (std::size_t p = 0; p < scores.size(); ++p) {
    ASSERT_EQ(scores[p].shape(), s.weights[p]->shape());
    for (std::int64_t i = 0; i < scores[p].numel(); ++i) check(p, i, s.weights[p]->leaf().at(i), scores[p].at(i));
  }
}

TEST(Scores, taylor_is_gradient_times_weight) {
  Small s;
  each_score(s, "taylor", [&](std::size_t p, std::int64_t i, double w, double score) { EXPECT_NEAR(score, std::abs(w * s.slope(p, i)), 1e-8); });
}

TEST(Scores, snip_is_the_share_of_the_loss_s_reaction_to_a_gate) {
  Small s;
  double total = 0;
  for (std::size_t p = 0; p < 2; ++p)
    for (std::int64_t i = 0; i < s.weights[p]->numel(); ++i) total += std::abs(s.weights[p]->leaf().at(i) * s.slope(p, i));
  each_score(s, "snip", [&](std::size_t p, std::int64_t i, double w, double score) { EXPECT_NEAR(score, std::abs(w * s.slope(p, i)) / total, 1e-8); });
}

TEST(Scores, obd_is_half_curvature_times_weight_squared) {
  Small s;
  each_score(s, "obd", [&](std::size_t p, std::int64_t i, double w, double score) {
    const double h = (s.moved(p, i, 1e-4) - 2 * s.moved(p, i, 0) + s.moved(p, i, -1e-4)) / 1e-8;
    EXPECT_NEAR(score, h * w * w / 2, 1e-6);
  });
}

// w (H g), where H g is how the gradient changes along itself; temperature 200 as in the paper.
TEST(Scores, grasp_is_the_weight_times_hessian_times_gradient) {
  Small s;
  std::vector<std::vector<double>> g(2);
  for (std::size_t p = 0; p < 2; ++p)
    for (std::int64_t i = 0; i < s.weights[p]->numel(); ++i) g[p].push_back(s.slope(p, i, 200));
  auto shift = [&](double by) {
    for (std::size_t p = 0; p < 2; ++p)
      for (std::int64_t i = 0; i < s.weights[p]->numel(); ++i) s.entry(p, i) += by * g[p][i];
  };
  std::vector<std::vector<double>> product(2);
  for (double sign : {1.0, -1.0}) {
    shift(sign * 0.1);  // the gradient is of size 1e-3
    for (std::size_t p = 0; p < 2; ++p)
      for (std::int64_t i = 0; i < s.weights[p]->numel(); ++i) {
        if (sign > 0) product[p].push_back(0);
        product[p][i] += sign * s.slope(p, i, 200) / 0.2;
      }
    shift(-sign * 0.1);
  }
  double largest = 0;
  each_score(s, "grasp", [&](std::size_t p, std::int64_t i, double w, double score) {
    largest = std::max(largest, std::abs(score));
    EXPECT_NEAR(score, w * product[p][i], 2e-9);
  });
  EXPECT_GT(largest, 1e-7);  // else the comparison says nothing
}

TEST(Scores, synflow_sums_the_paths_through_a_weight) {
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 3, 4, false).add<nn::Linear>("fc2", 4, 2, false);
  net.to(DType::f64);
  nn::initialize(net, {}, Random(3));
  const auto weights = prune::prunable(net);
  const Tensor before = clone(weights[0]->leaf());
  const auto scores = prune::method("synflow").score({.parameters = weights, .net = &net, .inputs = zeros({7, 3}, DType::f64)});
  auto w = [&](int p, std::int64_t o, std::int64_t i) { return std::abs(weights[p]->leaf().at(o * weights[p]->shape()[1] + i)); };
  double layer[2] = {0, 0};
  for (std::int64_t h = 0; h < 4; ++h)
    for (std::int64_t i = 0; i < 3; ++i) {
      double paths = 0;
      for (std::int64_t o = 0; o < 2; ++o) paths += w(0, h, i) * w(1, o, h);
      EXPECT_NEAR(scores[0].at(h * 3 + i), paths, 1e-12);
      layer[0] += paths;
    }
  for (std::int64_t k = 0; k < 8; ++k) layer[1] += scores[1].at(k);
  EXPECT_NEAR(layer[0], layer[1], 1e-12);  // conservation
  EXPECT_EQ(weights[0]->leaf().to_vector<double>(), before.to_vector<double>());
}

TEST(Scores, what_is_missing_is_named) {
  Small s;
  int asked = 0;
  for (const prune::Method& m : prune::methods()) {
    if (m.needs == prune::Needs::weights) continue;
    ++asked;
    EXPECT_TRUE(test::refuses([&] { m.score({.parameters = s.weights}); }, {fmt::format("\"{}\"", m.name), "ScoreInputs"})) << m.name;
  }
  EXPECT_GE(asked, 10);
}

TEST(Scores, a_diagonal_of_too_many_weights_is_refused_before_it_starts) {
  nn::Sequential net;
  net.add<nn::Linear>("fc", 300, 100);
  const prune::ScoreInputs in{.parameters = prune::prunable(net), .net = &net, .inputs = zeros({1, 300}), .targets = zeros({1}, DType::i64)};
  EXPECT_TRUE(test::refuses([&] { prune::method("obd").score(in); }, {"30000 weights"}));
}

TEST(Scores, a_hessian_beyond_this_machine_s_memory_is_refused_before_it_starts) {
  nn::Sequential net;
  net.add<nn::Linear>("fc", 3000, 100);
  const prune::ScoreInputs in{.parameters = prune::prunable(net), .net = &net, .inputs = zeros({1, 3000}), .targets = zeros({1}, DType::i64)};
  for (const char* name : {"obs", "obs-1993"})
    EXPECT_TRUE(test::refuses([&] { prune::method(name).score(in); }, {"300000 weights", "GiB", "woodfisher"})) << name;
  EXPECT_TRUE(test::refuses([&] { prune::method("woodfisher").score({.parameters = in.parameters, .net = &net, .inputs = in.inputs, .targets = in.targets,
                                                                    .fisher_block = 300000}); }, {"GiB", "smaller blocks"}));
}

}  // namespace
