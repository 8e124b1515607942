// The worth of heads against its definition, by moving a gate; and planted heads whose neighbours are really cut out, in many networks.
#include "experiments/common/heads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/planted_heads.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/train.h"
#include "prune/structure/surgery.h"

namespace bonsai::experiments {
namespace {

// mean over the examples of |dL/dξ_h| by central differences: a gate on a head's output is a factor on its columns of the output projection. f64.
std::vector<double> slopes(nn::Module& net, const HeadLayer& layer, const Tensor& inputs, const Tensor& labels) {
  const nn::Evaluating mode(net);
  NoGrad off;
  nn::Parameter& out = net.parameter(layer.name + ".out.weight");
  const Tensor whole = out.dense_values();
  const std::int64_t columns = whole.size(1), heads = static_cast<std::int64_t>(layer.heads.size()), d = columns / heads;
  auto losses = [&](std::int64_t head, double gate) {
    Tensor gated = clone(whole);
    for (std::int64_t i = 0; i < gated.numel(); ++i)
      if (i % columns / d == head) gated.mutable_data<double>()[i] *= gate;
    out.set(gated);
    return cross_entropy_each(net(inputs), labels);
  };
  constexpr double h = 1e-5;
  std::vector<double> all;
  for (std::int64_t head = 0; head < heads; ++head) {
    const Tensor up = losses(head, 1 + h), down = losses(head, 1 - h);
    double slope = 0;
    for (std::int64_t e = 0; e < labels.numel(); ++e) slope += std::abs(up.at(e) - down.at(e)) / (2 * h) / static_cast<double>(labels.numel());
    all.push_back(slope);
  }
  out.set(whole);
  double squares = 0;
  for (const double s : all) squares += s * s;
  for (double& s : all) s /= std::sqrt(squares);
  return all;
}

void expect_slopes(nn::Module& net, const HeadsLeft& left, const Tensor& inputs, const Tensor& labels) {
  const HeadScores scores = score_heads("importance", net, left, inputs, labels, Random(0));
  ASSERT_EQ(scores.size(), left.size());
  for (std::size_t l = 0; l < left.size(); ++l) {
    const std::vector<double> want = slopes(net, left[l], inputs, labels);
    ASSERT_EQ(scores[l].size(), want.size());
    for (std::size_t h = 0; h < want.size(); ++h) EXPECT_NEAR(scores[l][h], want[h], 1e-7) << left[l].name << ", head " << h;
  }
}

// Of two blocks, which are told apart; and again when heads have gone, down to a block's last one.
TEST(Heads, ImportanceIsTheSlopeOfAGate) {
  auto net = nn::rows_transformer();
  nn::initialize(*net, {}, Random(5));
  net->to(DType::f64);
  Random random(6);
  const Tensor inputs = random.normal({9, 28, 28}, 0, 1, DType::f64);
  std::vector<std::int64_t> digits;
  for (int e = 0; e < 9; ++e) digits.push_back(static_cast<std::int64_t>(random.below(10)));
  const Tensor labels = tensor(std::span<const std::int64_t>(digits), {9});
  HeadsLeft left = heads_of(*net, 16);
  ASSERT_EQ(count(left), 8);
  expect_slopes(*net, left, inputs, labels);
  for (const Head h : {Head{0, 2}, {1, 0}, {0, 0}, {0, 1}}) EXPECT_LE(remove_head(*net, left, h, inputs), 1e-12);
  EXPECT_EQ(left[0].heads, std::vector<int>{1});  // the block's last
  EXPECT_EQ(left[1].heads, (std::vector<int>{1, 2, 3}));
  expect_slopes(*net, left, inputs, labels);
}

// Really cut, where planted_heads_test.cpp silences: smaller weights, the same knowledge.
TEST(Heads, CuttingTheDistractorsLeavesTheAnswersAndCuttingAPlantedOneDoesNot) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const Batch test = marked_values(500, Random(seed).derive("test"));
    double worst = 0;  // |cut - masked|
    auto without = [&](auto goes) {  // accuracy
      PlantedHeads p = plant_heads(Random(seed));
      HeadsLeft left = heads_of(*p.net, PlantedHeads::head_size);
      for (int place = PlantedHeads::heads - 1; place >= 0; --place)
        if (goes(p, left[0].heads[place])) worst = std::max(worst, remove_head(*p.net, left, {0, place}, test.inputs));
      EXPECT_EQ(p.net->parameter("attention.q.weight").shape()[0], PlantedHeads::head_size * count(left));
      return nn::evaluate(*p.net, test.inputs, test.labels).accuracy;
    };
    EXPECT_GE(without([](const PlantedHeads& p, int head) { return !p.is_planted(head); }), 99);
    for (int which = 0; which < PlantedHeads::marks; ++which) EXPECT_LE(without([which](const PlantedHeads& p, int head) { return p.planted[which] == head; }), 45);
    EXPECT_LE(worst, 1e-5);
  }
}

}  // namespace
}  // namespace bonsai::experiments
