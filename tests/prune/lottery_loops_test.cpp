// Lottery loops that have been published and are wrong, each caught by what a right one must satisfy. A course's "break it" exercises
// start here: every wrong loop looks right on its first round or on the first network one tries.
#include <algorithm>
#include <functional>

#include "nn/init.h"
#include "nn/networks.h"
#include "prune/registry.h"
#include "prune/schedules/iterative.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;
using Weights = std::vector<nn::Parameter*>;
using Round = std::function<void(const Weights&)>;

// 20-10-5: 200 and 50 weights. Even the smaller layer leaves something to count.
std::unique_ptr<nn::Sequential> network(bool with_ties = false) {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 20, 10).add<nn::Linear>("fc2", 10, 5);
  nn::initialize(*net, {}, Random(1));
  if (with_ties)
    for (nn::Parameter* p : prunable(*net)) p->set(mask_of(p->shape(), [](auto i) { return i % 2 == 0; }) /* 0 and 1 only */);
  return net;
}

// The truth about a loop that takes 20% a round from the hidden layer and 10% from the output layer.
bool follows_the_ladder(const Round& round, int rounds, bool with_ties = false) {
  auto net = network(with_ties);
  const Weights weights = prunable(*net);
  for (int r = 1; r <= rounds; ++r) {
    round(weights);
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (weights[i]->kept() != kept_after(weights[i]->numel(), i == 0 ? 0.2 : 0.1, r)) return false;
  }
  return true;
}

void right(const Weights& weights) { prune_step(method("magnitude"), {weights, Random(1)}, {0.2, 0.1}); }

// mask = (|w| >= threshold), or > with `strict`: the quantile of all the layer's weights, those that are 0 already among them.
void by_threshold(nn::Parameter& p, double rate, bool count_zeros, bool strict) {
  const Tensor w = p.leaf().detach();
  std::vector<float> magnitudes;
  for (std::int64_t i = 0; i < p.numel(); ++i)
    if (count_zeros || !p.is_masked() || p.mask().at(i)) magnitudes.push_back(std::abs(w.data<float>()[i]));
  std::sort(magnitudes.begin(), magnitudes.end());
  const float threshold = magnitudes[static_cast<std::size_t>(count(rate, static_cast<std::int64_t>(magnitudes.size())))];
  const Tensor old = p.mask();
  p.set_mask(mask_of(p.shape(), [&](std::int64_t i) {
    const float magnitude = std::abs(w.data<float>()[i]);
    return (!old.defined() || old.at(i)) && (strict ? magnitude > threshold : magnitude >= threshold);
  }));
}

TEST(LotteryLoop, OursIsRight) {
  EXPECT_TRUE(follows_the_ladder(right, 12));
  EXPECT_TRUE(follows_the_ladder(right, 12, true));
}

// From the second round on, the lowest 20% of all weights are the zeros of the first: nothing more is pruned.
TEST(LotteryLoop, AQuantileThatCountsZerosDoesNotCompound) {
  const Round wrong = [](const Weights& w) { by_threshold(*w[0], 0.2, true, false), by_threshold(*w[1], 0.1, true, false); };
  EXPECT_TRUE(follows_the_ladder(wrong, 1)) << "on its first round it cannot be told from the right one";
  EXPECT_FALSE(follows_the_ladder(wrong, 2));
  auto net = network();
  for (int r = 0; r < 5; ++r) wrong(prunable(*net));
  EXPECT_EQ(net->parameter("fc1.weight").kept(), 160);  // for ever
}

// The threshold is itself a weight: `|w| <= threshold` takes it too, 41 of 200. (Of 1000 the original code takes 201, others 501.)
TEST(LotteryLoop, AThresholdWithEqualityIsOffByOne) {
  const Round wrong = [](const Weights& w) { by_threshold(*w[0], 0.2, false, true), by_threshold(*w[1], 0.1, false, true); };
  EXPECT_FALSE(follows_the_ladder(wrong, 1));
  auto net = network();
  wrong(prunable(*net));
  EXPECT_EQ(net->parameter("fc1.weight").kept(), 159);
}

// The careful threshold, `|w| < threshold` among those that remain, is right as long as no two weights are equal.
TEST(LotteryLoop, AnyThresholdIsWrongAtTies) {
  const Round wrong = [](const Weights& w) { by_threshold(*w[0], 0.2, false, false), by_threshold(*w[1], 0.1, false, false); };
  EXPECT_TRUE(follows_the_ladder(wrong, 12));
  EXPECT_FALSE(follows_the_ladder(wrong, 1, true));
}

TEST(LotteryLoop, OneRateForAllLayersPrunesTheOutputTwiceAsFast) {
  const Round wrong = [](const Weights& w) { prune_step(method("magnitude"), {w, Random(1)}, {0.2, 0.2}); };
  EXPECT_FALSE(follows_the_ladder(wrong, 1));
}

// LeNet-300-100's total hides it at first: the output layer is 1,000 of 266,200 weights, a difference of 0.04 points in round one. The
// paper's label for round one, 80.04, has just enough digits.
TEST(LotteryLoop, ThePapersLabelsTellOneRateFromTwo) {
  auto density = [](std::vector<double> rates) {
    auto net = nn::lenet_300_100();
    nn::initialize(*net, {}, Random(1));
    prune_step(method("magnitude"), {prunable(*net), Random(1)}, rates);
    std::int64_t n = 0;
    for (nn::Parameter* p : prunable(*net)) n += p->kept();
    return 100 * static_cast<double>(n) / 266200;
  };
  EXPECT_NEAR(density({0.2, 0.2, 0.1}), 80.04, 0.005);
  EXPECT_GT(std::abs(density({0.2, 0.2, 0.2}) - 80.04), 0.01);
}

// Pruning after rewinding ranks the initial weights: the ticket is drawn before it is known who won.
TEST(LotteryLoop, RewindingBeforePruningKeepsOtherWeights) {
  nn::Parameter trained("w", {4}), rewound("w", {4});
  const Tensor initial = tensor({0.1f, 0.4f, 0.2f, 0.3f}), final = tensor({0.9f, 0.05f, 0.5f, 0.6f});
  trained.set(final);
  rewound.set(initial);
  for (nn::Parameter* p : {&trained, &rewound}) prune_step(method("magnitude"), {{p}, Random(1)}, {0.25});
  EXPECT_EQ(trained.mask().to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{1, 0, 1, 1}));
  EXPECT_EQ(rewound.mask().to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{0, 1, 1, 1}));
}

}  // namespace
}  // namespace bonsai::prune
