// The report on convolutional networks: against numbers counted by hand, against plain loops, and against what the network does when a unit is changed.
#include <gtest/gtest.h>

#include "nn/init.h"
#include "nn/networks.h"
#include "prune/report.h"
#include "prune/structure/surgery.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

const ParameterReport& line(const Report& r, const std::string& name) {
  for (const ParameterReport& p : r.parameters)
    if (p.name == name) return p;
  throw std::runtime_error("no line " + name);
}

template <class N>
void start(N& net, DType t = DType::f32) {
  nn::initialize(net, {}, Random(1));
  net.to(t);
  fill(net);
}

TEST(ReportPictures, LeNet5ByHand) {
  auto net = nn::lenet5();
  start(*net);
  const Report r = report(*net, ones({5, 1, 28, 28}));
  EXPECT_EQ(line(r, "conv1.weight").macs, 20 * 25 * 24 * 24);
  EXPECT_EQ(line(r, "conv2.weight").macs, 50 * 20 * 25 * 8 * 8);
  EXPECT_EQ(line(r, "fc1.weight").macs, 800 * 500);
  EXPECT_EQ(line(r, "fc2.weight").macs, 500 * 10);
  EXPECT_EQ(r.all().macs, 2293000);
  EXPECT_EQ(r.all().size, 431080);
  EXPECT_EQ(line(r, "conv1.weight").output_bytes, 4 * 20 * 24 * 24);
  EXPECT_EQ(line(r, "fc2.weight").output_bytes, 4 * 10);
  // convolution, pool, convolution, pool (flattened: the same storage), linear, ReLU, linear
  EXPECT_EQ(r.activation_bytes, 4 * (20 * 576 + 20 * 144 + 50 * 64 + 50 * 16 + 500 + 500 + 10));
  EXPECT_EQ(line(r, "conv1.weight").units, 20);
  EXPECT_EQ(line(r, "conv1.weight").dead, 0);
}

// Of k x k filters (out, in) on side x side outputs.
std::int64_t convolution(std::int64_t k, std::int64_t in, std::int64_t out, std::int64_t side) { return k * k * in * out * side * side; }

TEST(ReportPictures, ResNet20AndVgg16ByPlainLoops) {
  for (const nn::Shortcut shortcut : {nn::Shortcut::padding, nn::Shortcut::projection}) {
    auto net = nn::resnet(20, shortcut);
    start(*net);
    const Report r = report(*net, ones({1, 3, 32, 32}));
    std::int64_t want = convolution(3, 3, 16, 32) + 64 * 10, outputs = 16 * 32 * 32;
    for (std::int64_t width = 16, side = 32; width <= 64; width *= 2, side /= 2)
      for (int block = 0; block < 3; ++block) {
        const bool grows = width > 16 && block == 0;
        want += convolution(3, grows ? width / 2 : width, width, side) + convolution(3, width, width, side);
        if (grows && shortcut == nn::Shortcut::projection) want += convolution(1, width / 2, width, side);
        outputs += 2 * width * side * side;
        if (grows && shortcut == nn::Shortcut::projection) outputs += width * side * side;
      }
    EXPECT_EQ(r.all().macs, want);
    EXPECT_EQ(want, shortcut == nn::Shortcut::padding ? 40551040 : 40813184);  // the usual 40.55 million, and with 1x1 projections
    std::int64_t bytes = 0;
    for (const ParameterReport& p : r.parameters) bytes += p.output_bytes;
    EXPECT_EQ(bytes, 4 * (outputs + 10));
    EXPECT_EQ(r.weights().size - (shortcut == nn::Shortcut::projection ? 2560 : 0), 267696 + 640);
  }
  auto net = nn::vgg(16);
  start(*net);
  const Report r = report(*net, ones({1, 3, 32, 32}));
  std::int64_t want = 512 * 10, in = 3, side = 32;
  for (const auto& [width, several] : std::vector<std::pair<std::int64_t, int>>{{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}) {
    for (int i = 0; i < several; ++i) want += convolution(3, in, width, side), in = width;
    side /= 2;
  }
  EXPECT_EQ(r.all().macs, want);
  EXPECT_EQ(want, 313201664);  // Li et al.: 3.13e8
}

struct Grouped : nn::Module {
  nn::Conv2d &first, &depthwise, &last;
  nn::Linear& fc;
  Grouped() : first(child<nn::Conv2d>("first", 4, 8, 3, Window{.padding = 1, .groups = 2})),
              depthwise(child<nn::Conv2d>("depthwise", 8, 8, 3, Window{.stride = 2, .padding = 1, .dilation = 1, .groups = 8}, false)),
              last(child<nn::Conv2d>("last", 8, 6, 2)), fc(child<nn::Linear>("fc", 6 * 2 * 2, 3)) {}
  Tensor forward(const Tensor& x) override {
    const Tensor h = tanh(first(x));
    return fc(flatten(average_pool2d(concat({slice(last(depthwise(h)), 1, 3, 6), slice(last(depthwise(h)), 1, 0, 3)}, 1), {2, 1, 0})));
  }
  std::string describe() const override { return "grouped"; }
};

TEST(ReportPictures, GroupsAndSharedConvolutionsByHand) {
  Grouped net;
  start(net);
  const Report r = report(net, ones({1, 4, 8, 8}));
  EXPECT_EQ(line(r, "first.weight").macs, 8 * 2 * 9 * 64);
  EXPECT_EQ(line(r, "depthwise.weight").macs, 2 * 8 * 9 * 16);  // used twice
  EXPECT_EQ(line(r, "last.weight").macs, 2 * 6 * 8 * 4 * 9);
  EXPECT_EQ(line(r, "last.weight").output_bytes, 2 * 4 * 6 * 9);
}

TEST(ReportPictures, MaskedAndPackedCountAlike) {
  auto net = nn::lenet5(true);
  start(*net);
  Random random(3);
  std::int64_t want = 0;
  const std::int64_t used[] = {24 * 24, 8 * 8, 1, 1};
  int l = 0;
  for (nn::Parameter* p : net->parameters())
    if (p->shape().rank() >= 2) {
      p->set_mask(mask_of(p->shape(), [&](std::int64_t) { return random.below(3) == 0; }));
      want += p->kept() * used[l++];
    }
  const Report masked = report(*net, ones({1, 1, 28, 28}));
  EXPECT_EQ(masked.all().kept_macs, want);
  for (nn::Parameter* p : net->parameters())
    if (p->packable()) p->pack();
  const Report packed = report(*net, ones({1, 1, 28, 28}));
  EXPECT_EQ(packed.all().kept_macs, want);
  EXPECT_EQ(packed.all().macs, 2293000);
  for (std::size_t i = 0; i < masked.parameters.size(); ++i) {
    EXPECT_EQ(packed.parameters[i].units, masked.parameters[i].units);
    EXPECT_EQ(packed.parameters[i].dead, masked.parameters[i].dead);
    EXPECT_EQ(packed.parameters[i].output_bytes, masked.parameters[i].output_bytes);
  }
}

// Does anyone read a unit? Change its row, and see whether the outputs change. One weight (and a BatchNorm's γ) is pruned in each trial, so that being read
// by anyone is the same as being heard at the end. (But not where a depthwise filter that nobody reads is the one reader: `alone` is left out then.)
void units_against_changes(nn::Module& net, const Tensor& x, std::uint64_t seed, int& unread, int& unfed,
                           const std::string& alone = {}) {
  Random random(seed);
  std::vector<nn::Parameter*> weights, gammas;
  for (nn::Parameter* p : net.parameters()) {
    if (p->shape().rank() >= 2) weights.push_back(p);
    else if (p->initial() == 1) gammas.push_back(p);
  }
  nn::Parameter& pruned = *weights[1 + random.below(weights.size() - 1)];
  const Shape steps = contiguous_strides(pruned.shape());
  std::vector<std::uint8_t> rows, columns;  // some of them lose everything, the rest half
  for (std::int64_t i = 0; i < pruned.shape()[0]; ++i) rows.push_back(i == 0 || random.below(4) > 0);
  for (std::int64_t i = 0; i < pruned.shape()[1]; ++i) columns.push_back(i == 0 || random.below(2) > 0);
  pruned.set_mask(mask_of(pruned.shape(), [&](std::int64_t i) {
    return rows[i / steps[0]] && columns[i / steps[1] % pruned.shape()[1]] && (i % 3 == 0 || random.below(2) == 0);
  }));
  if (!gammas.empty()) {
    nn::Parameter& gamma = *gammas[random.below(gammas.size())];
    gamma.set_mask(mask_of(gamma.shape(), [&](std::int64_t) { return random.below(3) > 0; }));
  }
  const Report r = report(net, x);
  net.train(false);
  NoGrad off;
  const Tensor before = net(x);
  for (nn::Parameter* p : weights) {
    if (p->name() == alone && pruned.name() == "last.weight") continue;
    const Tensor values = clone(p->leaf()), mask = p->is_masked() ? clone(p->mask()) : Tensor{};
    const std::int64_t row = contiguous_strides(p->shape())[0];
    std::int64_t without_input = 0, without_output = 0, dead = 0;
    for (std::int64_t u = 0; u < p->shape()[0]; ++u) {
      bool fed = false, heard = false;
      for (std::int64_t i = u * row; i < (u + 1) * row; ++i) fed |= !mask.defined() || mask.at(i) != 0;
      p->clear_mask();
      for (const double by : {3.0, -3.0}) {
        Tensor changed = clone(values);
        for (std::int64_t i = u * row; i < (u + 1) * row; ++i) changed.mutable_data<double>()[i] = by * (1 + random.uniform());
        p->set(changed);
        heard |= !same_bits(net(x), before);
      }
      if (mask.defined()) p->set_mask(mask);
      p->set(values);
      without_input += !fed, without_output += !heard, dead += !fed || !heard;
    }
    const ParameterReport& got = line(r, p->name());
    EXPECT_EQ(got.units, p->shape()[0]) << p->name();
    EXPECT_EQ(got.without_input, without_input) << p->name() << " with " << pruned.name() << " pruned";
    EXPECT_EQ(got.without_output, without_output) << p->name() << " with " << pruned.name() << " pruned";
    EXPECT_EQ(got.dead, dead) << p->name();
    unread += static_cast<int>(without_output), unfed += static_cast<int>(without_input);
  }
  EXPECT_TRUE(same_bits(net(x), before));
}

TEST(ReportPictures, AUnitIsReadWhenChangingItChangesTheOutputs) {
  int unread = 0, unfed = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    auto residual = nn::resnet(8, seed % 2 == 0 ? nn::Shortcut::padding : nn::Shortcut::projection);
    start(*residual, DType::f64);
    units_against_changes(*residual, noise(1, {3, 3, 8, 8}), seed, unread, unfed);
    auto pooled = std::make_unique<nn::Sequential>();
    pooled->add<nn::Conv2d>("conv1", 2, 6, 3, Window{.padding = 1}, false).add<nn::BatchNorm2d>("bn1", 6, true).add<nn::MaxPool2d>("pool1");
    pooled->add<nn::Conv2d>("conv2", 6, 5, 3, Window{.stride = 2, .padding = 1}).add<nn::Tanh>("tanh").add<nn::AveragePool2d>("pool2");
    pooled->add<nn::Flatten>("flatten").add<nn::Linear>("fc1", 5, 7).add<nn::GELU>("gelu").add<nn::Linear>("fc2", 7, 3);
    start(*pooled, DType::f64);
    units_against_changes(*pooled, noise(2, {9, 2, 8, 8}), seed, unread, unfed);
    Grouped grouped;
    start(grouped, DType::f64);
    units_against_changes(grouped, noise(3, {3, 4, 8, 8}), seed, unread, unfed, "first.weight");
  }
  EXPECT_GT(unread, 30);
  EXPECT_GT(unfed, 30);
}

// A network from which channels have really been cut against itself before.
TEST(ReportPictures, ComparesACutNetworkWithItsDenseOne) {
  auto net = nn::vgg(16);
  start(*net);
  const Tensor x = ones({1, 3, 32, 32});
  const Report before = report(*net, x);
  std::vector<int> half;
  {
    const Channels channels(*net, x);
    for (const ChannelLayer& l : channels.layers()) half.insert(half.end(), l.units.begin(), l.units.begin() + static_cast<std::ptrdiff_t>(l.units.size() / 2));
    mask_units(channels, half);
  }
  cut(*net, x);
  const Report after = report(*net, x);
  std::int64_t want = 256 * 10, in = 3, side = 32;
  for (const auto& [width, several] : std::vector<std::pair<std::int64_t, int>>{{32, 2}, {64, 2}, {128, 3}, {256, 3}, {256, 3}}) {
    for (int i = 0; i < several; ++i) want += convolution(3, in, width, side), in = width;
    side /= 2;
  }
  EXPECT_EQ(after.all().macs, want);
  EXPECT_EQ(after.all().kept_macs, want);
  EXPECT_EQ(2 * after.activation_bytes, before.activation_bytes + 4 * 10);
  const std::string text = comparison(before, after, {{.before = {64, 5, 0.1, 0.1}, .after = {64, 5, 0.025, 0.02}}});
  for (const char* part : {"(512, 512, 3, 3) -> (256, 256, 3, 3)", "2,359,296    589,824  4.00x", "latency      100.000 -> 25.000 ms (4.00x) at batch 64: median of 5 calls"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(ReportPictures, ComparisonRefusesWhatDoesNotBelongTogether) {
  auto a = nn::lenet5(), b = nn::lenet_300_100();
  start(*a);
  start(*b);
  const Report of_a = report(*a, ones({1, 1, 28, 28})), of_b = report(*b, ones({1, 784}));
  EXPECT_TRUE(refuses([&] { comparison(of_a, of_b); }, {"comparison", "\"fc3\"", "same network"}));
  EXPECT_NE(comparison(of_b, {}).find("(300, 784), gone"), std::string::npos);
  EXPECT_TRUE(refuses([&] { comparison(of_a, of_a, {{.before = {1, 5, 0.1, 0.1}, .after = {64, 5, 0.1, 0.1}}}); }, {"batch 1", "batch 64"}));
}

// Tokens are looked up and added: no multiply-adds, and no complaint.
struct Tokens : nn::Module {
  nn::Parameter &table, &places;
  nn::Linear &q, &k, &out;
  Tokens() : table(add_parameter("table", {11, 6})), places(add_parameter("places", {4, 6})), q(child<nn::Linear>("q", 6, 6)), k(child<nn::Linear>("k", 6, 6)),
             out(child<nn::Linear>("out", 24, 2)) {}
  Tensor forward(const Tensor& x) override {
    const std::int64_t n = x.size(0);
    const Tensor e = reshape(index_select(table.value(), reshape(x, {n * 4})), {n, 4, 6}) + places.value(), rows = reshape(e, {n * 4, 6});
    const Tensor weights = softmax(matmul(reshape(q(rows), {n, 4, 6}), reshape(k(rows), {n, 4, 6}), {.b = true}));
    return out(reshape(matmul(weights, e), {n, 24}));
  }
  std::string describe() const override { return "tokens"; }
};

TEST(ReportPictures, LooksTokensUpForNothing) {
  Tokens net;
  start(net);
  const Report r = report(net, zeros({2, 4}, DType::i64));
  EXPECT_EQ(line(r, "table").macs, 0);
  EXPECT_EQ(line(r, "places").macs, 0);
  EXPECT_EQ(line(r, "q.weight").macs, 4 * 36);
  EXPECT_EQ(r.fixed_macs, 2 * 4 * 4 * 6);
  EXPECT_EQ(r.all().macs, 2 * 4 * 36 + 2 * 4 * 4 * 6 + 48);
  // looked up, added, q, k, scores, softmax, mixed, out
  EXPECT_EQ(r.activation_bytes, 4 * (24 + 24 + 24 + 24 + 16 + 16 + 24 + 2));
}

}  // namespace
}  // namespace bonsai::prune
