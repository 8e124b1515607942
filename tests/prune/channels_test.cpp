// What the graph says about channels: on networks whose answer is known, and what is refused.
#include <algorithm>

#include "nn/networks.h"
#include "prune/structure/surgery.h"
#include "tests/prune/random_graphs.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

std::vector<std::string> names(const Channels& c, const std::vector<int>& tensors) {
  std::vector<std::string> all;
  for (const int t : tensors) all.push_back(c.tensors()[t].name);
  return all;
}

TEST(Channels, OfAResidualNetworkGoTogetherWhereTheyAreAdded) {
  auto net = nn::resnet(20);
  const Channels c(*net, noise(1, {2, 3, 32, 32}, 1, DType::f32));
  ASSERT_EQ(c.layers().size(), 3u + 9);  // one for each stage's sum, one for each block's inner convolution
  EXPECT_EQ(names(c, c.layer("conv1.weight").weights), (std::vector<std::string>{"conv1.weight", "layer1.0.conv2.weight", "layer1.1.conv2.weight", "layer1.2.conv2.weight"}));
  EXPECT_EQ(names(c, c.layer("layer3.0.conv2.weight").weights),
            (std::vector<std::string>{"layer3.0.conv2.weight", "layer3.0.shortcut.conv.weight", "layer3.1.conv2.weight", "layer3.2.conv2.weight"}));
  EXPECT_EQ(names(c, c.layer("layer2.1.conv1.weight").weights), (std::vector<std::string>{"layer2.1.conv1.weight"}));
  const int unit = c.layer("conv1.weight").units[5];
  std::vector<std::string> places;  // of filter 5
  for (const Placed& t : c.tensors())
    for (std::size_t a = 0; a < t.unit.size(); ++a)
      for (std::size_t i = 0; i < t.unit[a].size(); ++i)
        if (t.unit[a][i] == unit) {
          EXPECT_EQ(i, 5u);
          places.push_back(fmt::format("{}{}{}", t.name, a, t.reads[a] ? "r" : ""));
        }
  EXPECT_EQ(places.size(), 4u * 5 + 3 + 2);  // four filters with BatchNorms of four; three inner convolutions read them, then layer 2 and its shortcut
  EXPECT_NE(std::ranges::find(places, "layer2.0.shortcut.conv.weight1r"), places.end());
  EXPECT_NE(std::ranges::find(places, "bn1.running_var0"), places.end());
}

TEST(Channels, OfAPaddedShortcutAreThePlacesThatItAddsTo) {
  auto net = nn::resnet(20, nn::Shortcut::padding);
  const Channels c(*net, noise(1, {2, 3, 32, 32}, 1, DType::f32));
  const std::vector<int>& first = c.layer("conv1.weight").units;
  const Placed& second = c.tensor("layer2.0.conv2.weight");
  for (int i = 0; i < 32; ++i) EXPECT_EQ(second.unit[0][i] == (i >= 8 && i < 24 ? first[i - 8] : -2), i >= 8 && i < 24) << i;
}

TEST(Channels, BehindAFlattenAreRunsOfColumns) {
  auto net = nn::lenet5();
  const Channels c(*net, noise(1, {1, 1, 28, 28}, 1, DType::f32));
  const auto& units = c.layer("conv2.weight").units;
  const Placed& fc1 = c.tensor("fc1.weight");
  for (int i = 0; i < 800; ++i) EXPECT_EQ(fc1.unit[1][i], units[i / 16]);
  EXPECT_EQ(c.activations()[c.layer("conv2.weight").activations[0]].value.shape(), (Shape{1, 50, 4, 4}));  // before it was flattened
}

// Two groups: the j-th channels of both go together. Depthwise: each with its outputs.
TEST(Channels, OfGroupsGoByAsManyAsThereAreGroups) {
  nn::Sequential net;
  net.add<nn::Conv2d>("conv1", 3, 8, 1).add<nn::ReLU>("relu1");
  net.add<nn::Conv2d>("pair", 8, 6, 1, Window{.groups = 2}).add<nn::ReLU>("relu2");
  net.add<nn::Conv2d>("deep", 6, 12, 3, Window{.padding = 1, .groups = 6}).add<nn::GlobalAveragePool>("pool").add<nn::Linear>("fc", 12, 2);
  fill(net);
  const Tensor x = noise(1, {2, 3, 4, 4}, 1, DType::f32);
  const Channels c(net, x);
  const auto& conv1 = c.tensor("conv1.weight").unit[0];
  for (int i = 0; i < 4; ++i) EXPECT_EQ(conv1[i], conv1[i + 4]);
  EXPECT_EQ(c.layer("conv1.weight").units.size(), 4u);
  const auto &pair = c.tensor("pair.weight").unit[0], &deep = c.tensor("deep.weight").unit[0];
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pair[i], pair[i + 3]);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(deep[i], pair[i / 2]);
  EXPECT_EQ(units_of(c, "conv1.weight", {5, 1}), (std::vector<int>{conv1[1]}));
  EXPECT_TRUE(refuses([&] { units_of(c, "conv1.weight", {1, 5, 2}); }, {"row 2 of \"conv1.weight\" only goes together with row 6", "2 rows a unit"}));
  EXPECT_TRUE(refuses([&] { units_of(c, "conv1.weight", {8}); }, {"has no row 8"}));
  EXPECT_TRUE(refuses([&] { units_of(c, "fc.weight", {0}); }, {"\"fc.weight\" stay", "output"}));
  mask_units(c, {conv1[1], pair[2]});
  const CutResult r = cut(net, x);
  EXPECT_LE(r.cut_minus_masked, 1e-6);
  EXPECT_EQ(net.parameter("conv1.weight").shape(), (Shape{6, 3, 1, 1}));
  EXPECT_EQ(net.parameter("pair.weight").shape(), (Shape{4, 3, 1, 1}));
  EXPECT_EQ(net.parameter("deep.weight").shape(), (Shape{8, 1, 3, 3}));
  EXPECT_EQ(net.parameter("fc.weight").shape(), (Shape{2, 8}));
}

// What is pruned only in part stays, and what has a bias left, too.
TEST(Channels, CountAsPrunedWhereNothingIsLeft) {
  auto net = nn::lenet5();
  fill(*net);
  const Channels c(*net, noise(1, {1, 1, 28, 28}, 1, DType::f32));
  nn::Parameter& w = net->parameter("conv1.weight");
  w.set_mask(mask_of(w.shape(), [](std::int64_t i) { return i / 25 != 3 && i != 4 * 25; }));
  const int unit = c.layer("conv1.weight").units[3];
  EXPECT_EQ(std::ranges::count(c.pruned(), 1), 0) << "its bias still speaks";
  EXPECT_EQ(std::ranges::count(c.pruned(true), 1), 1);
  EXPECT_EQ(c.pruned(true)[unit], 1);
  const CutResult nothing = cut(*net, noise(1, {1, 1, 28, 28}, 1, DType::f32));
  EXPECT_EQ(nothing.units, 0);
  ASSERT_EQ(nothing.held.size(), 1u);
  EXPECT_EQ(nothing.held[0].find("\"conv1.weight\": 1 of its rows are pruned and stay"), 0u) << nothing.held[0];
  mask_units(c, {unit});
  EXPECT_EQ(c.pruned()[unit], 1);
  EXPECT_EQ(net->parameter("conv1.bias").mask().at(3), 0);
  EXPECT_EQ(net->parameter("conv2.weight").is_masked(), false) << "what reads it is left alone";
}

struct Fused : nn::Module {  // holds a size of its own
  nn::Linear& fc1 = child<nn::Linear>("fc1", 4, 6);
  nn::Linear& fc2 = child<nn::Linear>("fc2", 6, 2);
  Tensor forward(const Tensor& x) override { return fc2(relu(fc1(x)) * (1.0 / 6) * static_cast<double>(fc1.weight().shape()[0])); }
  std::string describe() const override { return "Fused"; }
};

struct Unknown : nn::Module {
  nn::Linear& fc1 = child<nn::Linear>("fc1", 4, 6);
  nn::Linear& fc2 = child<nn::Linear>("fc2", 6, 2);
  Tensor forward(const Tensor& x) override {
    const Tensor h = fc1(x);
    return fc2(record({"swish", {h}}, (h * sigmoid(h)).detach(), [](const Local& at, const Tensor& dy) -> Tensors {
      const Tensor s = sigmoid(at.input(0));
      return {dy * (s + at.input(0) * s * (1.0 - s))};
    }));
  }
  std::string describe() const override { return "Unknown"; }
};

struct Normalized : nn::Module {
  nn::Linear& fc1 = child<nn::Linear>("fc1", 4, 6);
  nn::LayerNorm& norm = child<nn::LayerNorm>("norm", 6);
  nn::Linear& fc2 = child<nn::Linear>("fc2", 6, 2);
  Tensor forward(const Tensor& x) override { return fc2(norm(fc1(x))); }
  std::string describe() const override { return "Normalized"; }
};

std::string bytes_of(nn::Module& net) {
  std::string all;
  for (nn::Parameter* p : net.parameters()) {
    all += str(p->shape());
    all.append(static_cast<const char*>(p->leaf().bytes()), p->leaf().size_in_bytes());
    if (p->is_masked()) all.append(static_cast<const char*>(p->mask().bytes()), p->mask().size_in_bytes());
  }
  for (auto& [name, b] : net.buffers()) all += str(b->shape()), all.append(static_cast<const char*>(b->bytes()), b->size_in_bytes());
  return all;
}

TEST(Channels, RefusalsLeaveTheNetworkAsItWas) {
  const Tensor x = noise(1, {3, 4}, 1, DType::f32);
  Fused fused;
  fill(fused);
  const Channels c(fused, x);
  mask_units(c, {c.layer("fc1.weight").units[2]});
  const std::string before = bytes_of(fused);
  EXPECT_TRUE(refuses([&] { cut(fused, x); }, {"surgery: the cut network computes something else", "apart from its parameters"}));
  EXPECT_EQ(bytes_of(fused), before);
  mask_units(c, c.layer("fc1.weight").units);
  EXPECT_TRUE(refuses([&] { cut(fused, x); }, {"surgery: all 6 channels of \"fc1.weight\" are pruned"}));

  Unknown unknown;
  fill(unknown);
  EXPECT_TRUE(refuses([&] { Channels(unknown, x); }, {"operation \"swish\" (3, 6) is not known", "declare_operation(\"swish\", rule)"}));
  declare_operation("swish", elementwise);
  const Channels known(unknown, x);
  mask_units(known, {known.layer("fc1.weight").units[1]});
  EXPECT_LE(cut(unknown, x).cut_minus_masked, 1e-6);
  EXPECT_EQ(unknown.fc2.weight().shape(), (Shape{2, 5}));

  Normalized normalized;
  fill(normalized);
  EXPECT_TRUE(refuses([&] { Channels(normalized, x).layer("fc1.weight"); }, {"the channels of \"fc1.weight\" stay: LayerNorm normalises over it"}));
  EXPECT_TRUE(refuses([&] { Channels(normalized, x).layer("norm.weight"); }, {"\"norm.weight\" stay: it makes none"}));
  EXPECT_TRUE(refuses([&] { Channels(normalized, Tensor{}); }, {"needs an example"}));
  EXPECT_TRUE(refuses([&] { mask_units(known, {99}); }, {"no unit 99"}));
}

}  // namespace
}  // namespace bonsai::prune
