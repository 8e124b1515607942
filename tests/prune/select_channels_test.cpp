// Which channels go: counts, ratios of channels and of parameters, the last channel of a layer, and what is refused.
#include <algorithm>
#include <numeric>

#include "nn/networks.h"
#include "prune/structure/select_channels.h"
#include "prune/structure/surgery.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

const Shape small_picture{1, 1, 28, 28};

std::unique_ptr<nn::Sequential> filled_lenet5() {
  auto net = nn::lenet5();
  fill(*net);
  return net;
}

// The score of every unit is its number, but for `lifted` layers, which come last.
std::vector<double> by_number(const Channels& c, const std::vector<std::string>& lifted = {}) {
  std::vector<double> s(c.units());
  std::iota(s.begin(), s.end(), 0);
  for (const std::string& name : lifted)
    for (const int u : c.layer(name).units) s[u] += 10'000;
  return s;
}

std::int64_t parameters_of(nn::Module& net) {
  std::int64_t n = 0;
  for (const nn::Parameter* p : net.parameters()) n += p->numel();
  return n;
}

TEST(ChooseChannels, TakesItsShareOfEveryLayer) {
  auto net = filled_lenet5();
  const Channels c(*net, noise(1, small_picture, 1, DType::f32));
  ASSERT_EQ(c.layers().size(), 3u);
  EXPECT_EQ(c.units(), 20 + 50 + 500);
  const ChannelChoice choice = choose_channels(c, by_number(c), {.channel_ratio = 0.25});
  EXPECT_EQ(choice.units.size(), 5u + 12 + 125);  // 12.5 to even
  for (const auto& [name, gone] : {std::pair("conv1.weight", 5), {"conv2.weight", 12}, {"fc1.weight", 125}}) {
    const auto& units = c.layer(name).units;
    for (std::size_t i = 0; i < units.size(); ++i)
      EXPECT_EQ(std::ranges::binary_search(choice.units, units[i]), static_cast<int>(i) < gone) << name << " " << i;
  }
  EXPECT_TRUE(choice.spared.empty());
  EXPECT_DOUBLE_EQ(choice.channel_ratio, 142.0 / 570);
  mask_units(c, choice.units);
  const std::int64_t before = parameters_of(*net);
  cut(*net, noise(1, small_picture, 1, DType::f32));
  EXPECT_DOUBLE_EQ(choice.parameter_ratio, 1 - static_cast<double>(parameters_of(*net)) / static_cast<double>(before));
}

TEST(ChooseChannels, OfAllLayersTheLowestGo) {
  auto net = filled_lenet5();
  const Channels c(*net, noise(1, small_picture, 1, DType::f32));
  const ChannelChoice choice = choose_channels(c, by_number(c, {"conv1.weight"}), {.scope = Scope::global, .channel_ratio = 0.1});
  std::vector<int> want = c.layer("conv2.weight").units;
  want.insert(want.end(), c.layer("fc1.weight").units.begin(), c.layer("fc1.weight").units.begin() + 7);
  std::vector<int> spared{want[49]};  // conv2's best is kept, and one of fc1 more goes in its place
  want.erase(want.begin() + 49);
  want.push_back(c.layer("fc1.weight").units[7]);
  EXPECT_EQ(choice.units, want);
  EXPECT_EQ(choice.spared, (std::vector<std::string>{"layer \"conv2.weight\": the last of its 50 channels was spared"}));
}

TEST(ChooseChannels, OneChannelOfEachLayerStaysAndItIsSaid) {
  auto net = filled_lenet5();
  const Channels c(*net, noise(1, small_picture, 1, DType::f32));
  const ChannelChoice all = choose_channels(c, by_number(c), {.channel_ratio = 0.999});
  EXPECT_EQ(all.units.size(), 19u + 49 + 499);
  EXPECT_EQ(all.spared.size(), 3u);  // 0.999 of 500 is 499.5, to even 500; of 50 it is 50, of 20 it is 20
  mask_units(c, all.units);
  const Channels left(*net, noise(1, small_picture, 1, DType::f32));
  EXPECT_TRUE(choose_channels(left, by_number(left), {.channel_ratio = 0.4}).units.empty());  // 0.4 of the one that is left
}

TEST(ChooseChannels, CountsWhatIsLeftAndLeavesAlone) {
  auto net = filled_lenet5();
  const Channels c(*net, noise(1, small_picture, 1, DType::f32));
  mask_units(c, choose_channels(c, by_number(c), {.channel_ratio = 0.5, .leave = {"fc1.weight"}}).units);
  const std::vector<int> second = choose_channels(c, by_number(c), {.channel_ratio = 0.5, .leave = {"conv2.weight"}}).units;
  EXPECT_EQ(second.size(), 5u + 250);
  EXPECT_EQ(second[0], c.layer("conv1.weight").units[10]);
}

TEST(ChooseChannels, AParameterRatioTakesTheFewestThatAreEnough) {
  auto net = filled_lenet5();
  const Channels c(*net, noise(1, small_picture, 1, DType::f32));
  for (const Scope scope : {Scope::layer, Scope::global})
    for (const double ratio : {0.0, 0.1, 0.5, 0.75, 0.99}) {
      const ChannelChoice choice = choose_channels(c, by_number(c), {.scope = scope, .parameter_ratio = ratio});
      EXPECT_GE(choice.parameter_ratio, ratio);
      if (choice.units.empty()) continue;
      if (scope == Scope::global) {  // the next smaller request is not enough
        const double fewer = (static_cast<double>(choice.units.size()) - 1) / c.units();
        EXPECT_LT(choose_channels(c, by_number(c), {.scope = scope, .channel_ratio = fewer}).parameter_ratio, ratio);
      } else {
        EXPECT_LT(choice.parameter_ratio, ratio + 0.03);  // LeNet-5's smallest step: a channel of conv2 has 16 x 500 readers
      }
    }
  EXPECT_LT(choose_channels(c, by_number(c), {.parameter_ratio = 0.5}).channel_ratio, 0.35);  // the two ratios are not one
}

TEST(ChooseChannels, RefusesWhatItCannotDo) {
  auto net = filled_lenet5();
  const Channels c(*net, noise(1, small_picture, 1, DType::f32));
  std::vector<double> scores = by_number(c);
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.channel_ratio = 50}); }, {"channel ratio 50", "did you mean 0.5?"}));
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.channel_ratio = 1}); }, {"below 1"}));
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {}); }, {"one of them"}));
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.channel_ratio = 0.1, .parameter_ratio = 0.1}); }, {"one of them"}));
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.scope = Scope::global, .channel_ratio = 0.999}); }, {"569 of 570 channels", "at most 567"}));
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.parameter_ratio = 0.9999}); }, {"with one channel kept in every layer"}));
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.channel_ratio = 0.1, .leave = {"fc2.weight"}}); }, {"\"fc2.weight\" stay", "the network's output"}));
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.channel_ratio = 0.1, .leave = {"fc9.weight"}}); }, {"no tensor \"fc9.weight\"", "conv1.weight"}));
  scores[3] = std::nan("");
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.channel_ratio = 0.1}); }, {"NaN", "conv1.weight", "index 3"}));
  scores.pop_back();
  EXPECT_TRUE(refuses([&] { choose_channels(c, scores, {.channel_ratio = 0.1}); }, {"569 scores for 570 units"}));
}

}  // namespace
}  // namespace bonsai::prune
