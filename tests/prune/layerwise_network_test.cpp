// Layer by layer through networks: what each layer reads, in which order, after what; and that nothing has changed when it fails.
#include <gtest/gtest.h>

#include <algorithm>

#include "nn/init.h"
#include "nn/networks.h"
#include "prune/layerwise/layerwise.h"
#include "prune/layerwise/obc.h"
#include "prune/layerwise/sparsegpt.h"
#include "prune/layerwise/wanda.h"
#include "prune/registry.h"
#include "prune/select.h"
#include "tests/nn/support.h"
#include "tests/prune/layerwise_support.h"
#include "tests/prune/scores_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

std::unique_ptr<nn::Sequential> three_layers() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 12, 16).add<nn::ReLU>("relu1").add<nn::Linear>("fc2", 16, 8).add<nn::ReLU>("relu2").add<nn::Linear>("fc3", 8, 4);
  net->to(DType::f64);
  std::uint32_t k = 0;
  for (nn::Parameter* p : net->parameters()) p->set(noise(++k, p->shape()));
  return net;
}
std::unique_ptr<nn::Sequential> pictures_net(std::int64_t groups = 1) {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Conv2d>("conv1", 2, 4, 3, Window{.padding = 1}).add<nn::ReLU>("relu1").add<nn::Conv2d>("conv2", 4, 8, 3, Window{.stride = 2, .groups = groups})
      .add<nn::BatchNorm2d>("bn", 8).add<nn::ReLU>("relu2").add<nn::Flatten>("flat").add<nn::Linear>("fc", 8 * 9, 3);
  std::uint32_t k = 0;
  for (nn::Parameter* p : net->parameters()) p->set(noise(++k, p->shape(), 1, DType::f32));
  return net;
}
std::vector<std::vector<double>> state(nn::Module& net) {
  std::vector<std::vector<double>> all;
  for (nn::Parameter* p : net.parameters()) {
    const Tensor w = p->dense_values(), m = p->mask();
    all.emplace_back();
    for (std::int64_t i = 0; i < w.numel(); ++i) all.back().push_back(w.at(i) + (m.defined() ? 1000 * m.at(i) : 0));
  }
  return all;
}

TEST(LayerwiseNetwork, UnfoldIsWhatAConvolutionMultiplies) {
  for (const Window& w : {Window{}, Window{.stride = 2, .padding = 1}, Window{.stride = 3, .padding = 2, .dilation = 2}}) {
    const Tensor x = noise(1, {3, 2, 9, 7}), weight = noise(2, {5, 2, 3, 2});
    const Tensor y = conv2d(x, weight, {}, w), product = matmul(unfold(x, 3, 2, w), reshape(weight, {5, 12}), {.b = true});
    ASSERT_EQ(product.numel(), y.numel());
    const std::int64_t places = y.size(2) * y.size(3);
    for (std::int64_t n = 0; n < 3; ++n)
      for (std::int64_t o = 0; o < 5; ++o)
        for (std::int64_t p = 0; p < places; ++p) EXPECT_NEAR(product.at((n * places + p) * 5 + o), y.at((n * 5 + o) * places + p), 1e-12);
  }
}

// By hand: what each layer reads after those before it were pruned.
TEST(LayerwiseNetwork, EachLayerReadsWhatThePrunedOnesSay) {
  const Tensor inputs = noise(50, {40, 12});
  for (const LayerMethod& m : layer_methods())
    for (const LayerAmount& a : {LayerAmount{.sparsity = 0.5}, LayerAmount{.pattern = NM{2, 4}}}) {
      SCOPED_TRACE(std::string(m.name) + " " + a.str());
      auto net = three_layers(), by_hand = three_layers();
      std::vector<nn::Parameter*> weights = prunable(*net);
      std::ranges::reverse(weights);  // the network's order counts, not theirs
      const std::vector<PrunedLayer> report = prune_layerwise(*net, weights, inputs, m, a, {.batch = 7});
      ASSERT_EQ(report.size(), 3u);
      EXPECT_TRUE(net->training());

      Tensor x = inputs;
      for (int l = 1; l <= 3; ++l) {
        const std::string name = fmt::format("fc{}.weight", l);
        const InputStatistics s = statistics_of(x);
        const Tensor w = by_hand->parameter(name).dense_values(), h = s.second_moments();
        const std::string method = m.name;
        Compensated c;
        if (method == "sparsegpt") c = sparsegpt(name, w, h, a);
        else if (method == "obc") c = obc(name, w, h, a);
        else if (method == "wanda") c.mask = keep_by_row(name, wanda_scores(w, s.norms()), a);
        else c.mask = a.pattern ? nm_mask(name, abs(w), *a.pattern) : remove_lowest({{name, abs(w), {}}}, count(a.sparsity, w.numel()))[0];
        if (!c.values.defined()) c.values = w * cast(c.mask, DType::f64);

        const nn::Parameter& p = net->parameter(name);
        const PrunedLayer& line = report[l - 1];
        EXPECT_EQ(p.mask().to_vector<std::uint8_t>(), c.mask.to_vector<std::uint8_t>()) << name;
        for (std::int64_t i = 0; i < w.numel(); ++i) EXPECT_NEAR(p.leaf().at(i), c.values.at(i), 1e-9) << name << i;
        EXPECT_EQ(line.name, name);
        EXPECT_EQ(line.tokens, 40);
        EXPECT_EQ(line.size, w.numel());
        EXPECT_EQ(line.kept, p.kept());
        EXPECT_NEAR(line.error, layer_error(w, c.values, h), 1e-9);
        x = linear(x, c.values, by_hand->parameter(fmt::format("fc{}.bias", l)).dense_values());
        if (l < 3) x = relu(x);
      }
    }
}

// The error that is reported is that of the convolution's own outputs, bias aside.
TEST(LayerwiseNetwork, ConvolutionsAreLayersOfTheirWindows) {
  const Tensor inputs = noise(60, {12, 2, 8, 8}, 1, DType::f32);
  for (const LayerMethod& m : layer_methods()) {
    auto net = pictures_net(), dense = pictures_net();
    const auto report = prune_layerwise(*net, {&net->parameter("conv1.weight"), &net->parameter("conv2.weight")}, inputs, m, {.sparsity = 0.6}, {.batch = 5});
    ASSERT_EQ(report.size(), 2u);
    EXPECT_EQ(report[0].tokens, 12 * 64);
    EXPECT_EQ(report[1].tokens, 12 * 9);
    EXPECT_FALSE(net->parameter("fc.weight").is_masked());
    auto weight = [](nn::Sequential& n, const char* name) { return n.parameter(name).dense_values(); };
    const Tensor x = relu(conv2d(inputs, weight(*net, "conv1.weight"), weight(*net, "conv1.bias"), {.padding = 1}));
    const Tensor y = conv2d(x, weight(*dense, "conv2.weight"), {}, {.stride = 2}), moved = conv2d(x, weight(*net, "conv2.weight"), {}, {.stride = 2});
    const double want = sum((y - moved) * (y - moved)).item() / sum(y * y).item();
    EXPECT_NEAR(report[1].error, want, 1e-4 * want) << m.name;
    EXPECT_EQ(report[1].kept, std::string(m.name) == "wanda" ? 8 * (36 - count(0.6, 36)) : 8 * 36 - count(0.6, 8 * 36));
  }
}

class Twice : public nn::Module {
 public:
  Twice() : fc_(child<nn::Linear>("fc", 6, 6)) {}
  Tensor forward(const Tensor& x) override { return fc_(relu(fc_(x))); }
  std::string describe() const override { return "Twice"; }

 private:
  nn::Linear& fc_;
};

TEST(LayerwiseNetwork, AWeightUsedTwiceReadsTheTokensOfBothPlaces) {
  Twice net;
  net.to(DType::f64);
  nn::Parameter& w = net.parameter("fc.weight");
  w.set(noise(1, {6, 6}));
  const Tensor x = noise(2, {10, 6}), before = w.dense_values();
  const auto report = prune_layerwise(net, {&w}, x, layer_method("sparsegpt"), {.sparsity = 0.5});
  EXPECT_EQ(report[0].tokens, 20);
  const Tensor both = concat({x, relu(linear(x, before))}, 0), want = sparsegpt("fc.weight", before, statistics_of(both).second_moments(), {.sparsity = 0.5}).values;
  for (std::int64_t i = 0; i < 36; ++i) EXPECT_NEAR(w.leaf().at(i), want.at(i), 1e-9);
}

TEST(LayerwiseNetwork, WhatIsPrunedStaysSo) {
  const Tensor inputs = noise(50, {40, 12});
  for (const LayerMethod& m : layer_methods()) {
    auto net = three_layers();
    prune_layerwise(*net, prunable(*net), inputs, layer_method("magnitude"), {.sparsity = 0.3});
    const Tensor first = net->parameter("fc2.weight").mask();
    prune_layerwise(*net, prunable(*net), inputs, m, {.sparsity = 0.6});
    const nn::Parameter& p = net->parameter("fc2.weight");
    for (std::int64_t i = 0; i < p.numel(); ++i) EXPECT_TRUE(first.at(i) == 1 || p.mask().at(i) == 0) << m.name;
    const std::int64_t want = p.numel() - count(0.6, p.numel());
    EXPECT_TRUE(p.kept() == want || (std::string(m.name) == "wanda" && p.kept() < want)) << m.name;  // (of a row more had gone already)
  }
}

TEST(LayerwiseNetwork, RefusesAndLeavesAllAsItWas) {
  const Tensor inputs = noise(50, {40, 12});
  auto net = three_layers();
  nn::Parameter& fc1 = net->parameter("fc1.weight");
  fc1.set_mask(mask_of(fc1.shape(), [](std::int64_t i) { return i % 5 != 0; }));
  const auto before = state(*net);
  const auto weights = prunable(*net);
  auto refused = [&](const Tensor& x, const std::string& method, const LayerAmount& a, const std::vector<std::string>& parts) {
    EXPECT_TRUE(refuses([&] { prune_layerwise(*net, weights, x, layer_method(method), a); }, parts)) << method;
    EXPECT_EQ(state(*net), before);
    EXPECT_TRUE(net->training());
  };
  for (const char* method : {"magnitude", "wanda", "sparsegpt", "obc"}) {
    refused(slice(inputs, 0, 0, 0), method, {.sparsity = 0.5}, {"no calibration examples"});
    refused({}, method, {.sparsity = 0.5}, {"no calibration examples"});
    refused(with(inputs, 18 * 12 + 3, nan), method, {.sparsity = 0.5}, {"fc1.weight", "input 3 of token 18", "nan"});
    refused(inputs, method, {.sparsity = 50}, {"did you mean 0.5?"});
    refused(inputs, method, {.sparsity = 1}, {"fc1.weight", "no weight at all"});
    refused(inputs, method, {.pattern = NM{4, 16}}, {"fc1.weight", "4:16", "12", "multiple of 16"});
    refused(inputs, method, {.pattern = NM{1, 12}}, {"fc2.weight", "1:12", "16", "multiple of 12"});  // after fc1 has been pruned
  }
  EXPECT_TRUE(refuses([] { layer_method("optq"); }, {"optq", "magnitude, wanda, sparsegpt, obc"}));

  nn::Parameter alone("alone", {3, 12});
  EXPECT_TRUE(refuses([&] { prune_layerwise(*net, {&alone}, inputs, layer_method("wanda"), {.sparsity = 0.5}); }, {"alone", "(3, 12)", "no linear layer"}));
  EXPECT_TRUE(refuses([&] { prune_layerwise(*net, weights, inputs, layer_method("wanda"), {}, {.batch = 0}); }, {"batches of 0"}));
  fc1.set_soft_mask(fc1.mask());
  refused(inputs, "wanda", {.sparsity = 0.5}, {"fc1.weight", "softly masked"});
  fc1.set_soft_mask({});
  fc1.pack();
  EXPECT_TRUE(refuses([&] { prune_layerwise(*net, weights, inputs, layer_method("wanda"), {}); }, {"fc1.weight", "packed", "unpack()"}));

  auto grouped = pictures_net(4);
  const auto pictures = state(*grouped);
  EXPECT_TRUE(refuses([&] { prune_layerwise(*grouped, prunable(*grouped), noise(60, {2, 2, 8, 8}, 1, DType::f32), layer_method("obc"), {.sparsity = 0.5}); },
                      {"conv2.weight", "4 groups", "leave it out"}));
  EXPECT_EQ(state(*grouped), pictures);
}

TEST(LayerwiseNetwork, AResidualNetworkAndATransformerArePrunedToo) {
  for (const std::string name : {"resnet20", "rows_transformer"}) {
    auto net = nn::network(name);
    nn::initialize(*net, {}, Random(1));
    std::vector<nn::Parameter*> weights = prunable(*net);
    std::erase_if(weights, [](nn::Parameter* p) { return p->name().starts_with("position"); });  // (learned places are added, nothing reads them)
    const Tensor inputs = name == "resnet20" ? noise(1, {2, 3, 32, 32}, 1, DType::f32) : noise(1, {20, 28, 28}, 1, DType::f32);
    const auto report = prune_layerwise(*net, weights, inputs, layer_method("sparsegpt"), {.sparsity = 0.5});
    EXPECT_EQ(report.size(), weights.size());
    EXPECT_EQ(report.back().name, "fc.weight");
    for (const PrunedLayer& l : report) EXPECT_TRUE(l.error > 0 && l.error < 0.7) << l.name << " " << l.error;
  }
}

}  // namespace
}  // namespace bonsai::prune
