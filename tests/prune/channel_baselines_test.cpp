// Scores that look at no loss: what activations say, BatchNorm's γ, and the penalty that makes γ small in training.
#include <gtest/gtest.h>

#include <cmath>

#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "prune/schedules/slimming.h"
#include "prune/scores/activation_statistics.h"
#include "prune/scores/bn_gamma.h"
#include "tests/prune/scores_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

TEST(ActivationStatistics, ArePlainSumsOfAnyShapeAndSplit) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& shape : {Shape{7, 5}, Shape{7, 1, 3}, Shape{7, 4, 3, 5}}) {
      const Tensor a = relu(noise(1, shape, 2, t)) + number(0.0, zeros({1}, t)), signs = noise(2, shape, 1, t);
      const Tensor x = a * sign(signs);  // zeros, both signs
      const std::int64_t c = shape[1], m = x.numel() / 7 / c;
      const double n = 7.0 * static_cast<double>(m);
      Tensor activity = zeros({c}, DType::f64), mean = zeros({c}, DType::f64), size = zeros({c}, DType::f64), deviation = zeros({c}, DType::f64);
      for (std::int64_t k = 0; k < c; ++k) {
        std::vector<double> all;
        for (std::int64_t e = 0; e < 7; ++e)
          for (std::int64_t p = 0; p < m; ++p) all.push_back(x.at((e * c + k) * m + p));
        double total = 0, squares = 0;
        for (double v : all) total += v, activity.mutable_data<double>()[k] += (v != 0) / n, size.mutable_data<double>()[k] += std::abs(v) / n;
        for (double v : all) squares += (v - total / n) * (v - total / n);
        mean.mutable_data<double>()[k] = total / n;
        deviation.mutable_data<double>()[k] = std::sqrt(squares / n);
      }
      Tensors whole;
      for (const auto& sizes : cuts) {
        const auto s = in_batches(ActivationStatistics(), sizes,
                                  [&](ActivationStatistics& s, std::int64_t b, std::int64_t e) { s.add(slice(x, 0, b, e)); });
        const Tensors now{s.activity(), s.mean(), s.mean_size(), s.deviation()};
        if (whole.empty()) whole = now;
        for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(same_bits(now[i], whole[i]));
      }
      EXPECT_TRUE(close(whole[0], activity, 1e-12));
      EXPECT_TRUE(close(whole[1], mean, 1e-12, 1e-15));
      EXPECT_TRUE(close(whole[2], size, 1e-12));
      EXPECT_TRUE(close(whole[3], deviation, 1e-12));
    }
}

TEST(ActivationStatistics, ASmallDeviationFromALargeMeanIsNotLost) {
  ActivationStatistics s;
  s.add(tensor({1e9 + 1, 1e9 - 1, 1e9 + 1, 1e9 - 1}, {4, 1}));
  EXPECT_NEAR(s.deviation().at(0), 1, 1e-6);
  EXPECT_EQ(s.mean().at(0), 1e9);
}

TEST(ActivationStatistics, RefusesWithOneLineAndStaysAsItWas) {
  ActivationStatistics s;
  EXPECT_TRUE(refuses([&] { s.mean(); }, {"activation statistics", "nothing was added"}));
  s.add(noise(1, {0, 3}));
  EXPECT_TRUE(refuses([&] { s.activity(); }, {"nothing was added"}));
  s.add(noise(1, {2, 3}));
  const Tensor before = s.deviation();
  EXPECT_TRUE(refuses([&] { s.add(with(noise(1, {2, 3}), 4, nan)); }, {"nan", "channel 1", "example 1"}));
  EXPECT_TRUE(refuses([&] { s.add(noise(1, {2, 4})); }, {"4 channels", "3"}));
  EXPECT_TRUE(refuses([&] { s.add({}); }, {"undefined"}));
  EXPECT_TRUE(same_bits(s.deviation(), before));
}

TEST(BnGamma, IsTheSizeInF64) {
  const Tensor gamma = noise(1, {9}, 2, DType::f32);
  for (std::int64_t i = 0; i < 9; ++i) EXPECT_EQ(bn_gamma(gamma).at(i), std::abs(gamma.at(i)));
  EXPECT_EQ(bn_gamma(gamma).dtype(), DType::f64);
  EXPECT_EQ(bn_gamma(zeros({0})).numel(), 0);
  EXPECT_TRUE(std::isnan(bn_gamma(with(gamma, 3, nan)).at(3)));  // selecting refuses it by name
  EXPECT_TRUE(refuses([&] { bn_gamma(zeros({2, 3})); }, {"BN gamma", "(channels)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { bn_gamma({}); }, {"undefined"}));
  EXPECT_TRUE(refuses([&] { bn_gamma(zeros({2}, DType::i64)); }, {"i64"}));
}

// The gradient that a step sees is that of the loss with s Σ |γ| added to it, written out for autograd; nothing else changes.
TEST(Slimming, IsTheGradientOfThePenalisedLoss) {
  auto net = nn::resnet(8);
  nn::initialize(*net, {}, Random(1));
  net->to(DType::f64);
  fill(*net);
  const auto gammas = batch_norm_gammas(*net);
  ASSERT_EQ(gammas.size(), 9u);  // 1 + 3 blocks of 2 + 2 in shortcuts
  for (const nn::Parameter* p : gammas) EXPECT_EQ(p->initial(), 1);
  Tensor mask = ones({16}, DType::u8);
  mask.mutable_data<std::uint8_t>()[3] = 0;
  gammas[0]->set_mask(mask);
  const Tensor x = noise(5, {2, 3, 8, 8});
  Tensor penalised = cross_entropy((*net)(x), labels(2, 10));
  for (const nn::Parameter* p : gammas) penalised = penalised + sum(abs(p->value())) * 0.01;
  Tensors leaves;
  for (const nn::Parameter* p : net->parameters()) leaves.push_back(p->leaf());
  const Tensors want = grad(penalised, leaves);
  backward(cross_entropy((*net)(x), labels(2, 10)));
  const Slimming slimming(gammas, 0.01);
  slimming.after_backward();
  std::size_t i = 0;
  for (const nn::Parameter* p : net->parameters()) EXPECT_TRUE(close(p->gradient(), want[i++], 1e-9, 1e-12)) << p->name();
  EXPECT_EQ(gammas[0]->gradient().at(3), 0);  // pruned, and stays so
  double total = 0;
  for (const nn::Parameter* p : gammas)
    for (std::int64_t k = 0; k < p->numel(); ++k) total += 0.01 * std::abs(p->leaf().at(k));
  EXPECT_NEAR(slimming.penalty(), total, 1e-12);
}

// With no loss at all a penalty brings every γ down by rate · s a step, to 0 and no further than a step beyond it.
TEST(Slimming, BringsWhatNobodyNeedsTo0) {
  nn::BatchNorm2d bn(3);
  bn.to(DType::f64);
  bn.gamma().set(tensor({1.0, -0.35, 0.0}));
  const Slimming slimming(batch_norm_gammas(bn), 0.1);
  nn::SGD sgd(bn.parameters(), {});
  for (int step = 0; step < 30; ++step) {
    backward(sum(bn.gamma().value() * 0.0 + bn.beta().value() * 0.0));
    slimming.after_backward();
    sgd.step(0.5);
    if (step == 2) {
      EXPECT_NEAR(bn.gamma().leaf().at(0), 0.85, 1e-12);
    }
  }
  for (int i = 0; i < 3; ++i) EXPECT_LE(std::abs(bn.gamma().leaf().at(i)), 0.05 + 1e-12);
  EXPECT_EQ(bn.gamma().leaf().at(2), 0);
}

TEST(Slimming, Refuses) {
  auto net = nn::lenet5();
  EXPECT_TRUE(refuses([&] { Slimming(batch_norm_gammas(*net), 1e-4); }, {"slimming", "BatchNorm"}));
  nn::BatchNorm2d bn(3);
  for (const double s : {-1.0, nan, infinity}) EXPECT_TRUE(refuses([&] { Slimming(batch_norm_gammas(bn), s); }, {"slimming", "strength"}));
  EXPECT_TRUE(refuses([&] { Slimming(batch_norm_gammas(bn), 0.1).after_backward(); }, {"\"weight\"", "no gradient", "backward"}));
}

}  // namespace
}  // namespace bonsai::prune
