// The task whose needed heads are known: that they are needed and the others are not is measured first; then who finds them.
#include "experiments/common/planted_heads.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/common/heads.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "nn/train.h"

namespace bonsai::experiments {
namespace {

constexpr std::uint64_t seeds = 20;

// The three heads with the highest scores, rising.
std::vector<int> top(const std::vector<double>& scores) {
  std::vector<int> order{0, 1, 2, 3, 4, 5, 6, 7};
  std::ranges::stable_sort(order, [&](int a, int b) { return scores[a] > scores[b]; });
  order.resize(PlantedHeads::marks);
  std::ranges::sort(order);
  return order;
}

double accuracy_without(PlantedHeads& p, const std::vector<int>& heads, const Batch& test) {
  nn::Parameter& out = p.net->parameter("attention.out.weight");
  const Tensor values = out.dense_values();
  Tensor silent = clone(values);
  for (std::int64_t i = 0; i < silent.numel(); ++i)
    if (std::ranges::find(heads, static_cast<int>(i % PlantedHeads::model / PlantedHeads::head_size)) != heads.end()) silent.mutable_data<float>()[i] = 0;
  out.set(silent);
  const double accuracy = nn::evaluate(*p.net, test.inputs, test.labels).accuracy;
  out.set(values);
  return accuracy;
}

TEST(PlantedHeads, AreNeededAndTheOthersAreNot) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(seed);
    PlantedHeads p = plant_heads(Random(seed));
    ASSERT_EQ(p.planted.size(), 3u);
    const Batch test = marked_values(1000, Random(seed).derive("test"));
    std::vector<int> distractors;
    for (int h = 0; h < PlantedHeads::heads; ++h)
      if (!p.is_planted(h)) distractors.push_back(h);
    EXPECT_GE(accuracy_without(p, {}, test), 99);
    EXPECT_GE(accuracy_without(p, distractors, test), 99);
    for (const int h : p.planted) EXPECT_LE(accuracy_without(p, {h}, test), 45);  // a value out of three must be guessed
  }
}

// Also after training has moved all the weights.
TEST(PlantedHeads, AreFoundByTheGradientAndTheLossAndMissedByTheNormInTwentySeeds) {
  double margin = 1e9;
  for (const std::int64_t steps : {0, 100})
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      SCOPED_TRACE(fmt::format("seed {}, {} steps", seed, steps));
      const Random random(seed);
      PlantedHeads p = plant_heads(random);
      nn::Adam adam(p.net->parameters());
      nn::train(*p.net, adam, [&](std::int64_t i) { return marked_values(32, random.derive("batch").derive(i)); }, {.iterations = steps, .rate = nn::constant(1e-3)});
      const Batch examples = marked_values(500, random.derive("examples"));
      const HeadsLeft heads = heads_of(*p.net, PlantedHeads::head_size);
      ASSERT_EQ(count(heads), PlantedHeads::heads);
      auto scores = [&](const char* criterion) { return score_heads(criterion, *p.net, heads, examples.inputs, examples.labels, random)[0]; };
      const std::vector<double> importance = scores("importance"), norm = scores("norm");
      EXPECT_EQ(top(importance), p.planted);
      EXPECT_EQ(top(scores("loss")), p.planted);
      double least = 1e9, loudest = 0, most_norm = 0, least_norm = 1e9;
      for (int h = 0; h < PlantedHeads::heads; ++h) {
        (p.is_planted(h) ? least = std::min(least, importance[h]) : loudest = std::max(loudest, importance[h]));
        (p.is_planted(h) ? most_norm = std::max(most_norm, norm[h]) : least_norm = std::min(least_norm, norm[h]));
      }
      margin = std::min(margin, least / loudest);
      EXPECT_LT(most_norm, least_norm);  // the norm has it the wrong way round: not one of its three is planted
    }
  EXPECT_GE(margin, 2);
  RecordProperty("margin", std::to_string(margin));
}

TEST(Heads, AreCutOneByOneAndNotTheLast) {
  PlantedHeads p = plant_heads(Random(3));
  const Batch test = marked_values(200, Random(4));
  HeadsLeft left = heads_of(*p.net, PlantedHeads::head_size);
  while (count(left) > PlantedHeads::marks) {
    const Head h = lowest(score_heads("importance", *p.net, left, test.inputs, test.labels, Random(0)));
    EXPECT_FALSE(p.is_planted(left[h.layer].heads[h.place]));
    EXPECT_LE(remove_head(*p.net, left, h, test.inputs), 1e-5);
  }
  EXPECT_EQ(left[0].heads, p.planted);
  EXPECT_EQ(p.net->parameter("attention.out.weight").shape(), (Shape{32, 12}));
  EXPECT_GE(nn::evaluate(*p.net, test.inputs, test.labels).accuracy, 99);
  EXPECT_THROW(lowest({{1.0}, {0.5}}), Error);
}

}  // namespace
}  // namespace bonsai::experiments
