// The criteria for channels against plain computations of their own: masks and losses, one channel at a time, on networks of the house and of chance.
#include <cmath>

#include "nn/networks.h"
#include "prune/scores/channel_norm.h"
#include "prune/structure/criteria.h"
#include "tests/prune/random_graphs.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

std::unique_ptr<nn::Sequential> small_conv_net() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Conv2d>("conv1", 3, 4, 3, Window{.padding = 1}, false).add<nn::BatchNorm2d>("bn1", 4, true);
  net->add<nn::BasicBlock>("block", 4, 4, 1, nn::Shortcut::projection);
  net->add<nn::Conv2d>("conv2", 4, 5, 3).add<nn::Tanh>("tanh").add<nn::MaxPool2d>("pool").add<nn::Flatten>("flatten");
  net->add<nn::Linear>("fc1", 20, 6).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 6, 4);
  shake(*net, DType::f64);
  return net;
}
const Tensor pictures = noise(7, {6, 3, 6, 6});

// |dL/dξ| of a gate ξ on a channel, by central differences: the channel's share in everything that reads it is scaled by 1 ± e. What reads
// a unit are columns of weights.
double gate_by_differences(nn::Module& net, const Channels& c, int unit, const Tensor& x, const Tensor& label) {
  const nn::Evaluating mode(net);
  auto loss_at = [&](double gate) {
    std::vector<std::pair<nn::Parameter*, Tensor>> before;
    for (const Placed& t : c.tensors())
      for (std::size_t a = 0; t.parameter && a < t.unit.size(); ++a) {
        if (!t.reads[a]) continue;
        Tensor w = t.parameter->dense_values();
        const std::int64_t step = contiguous_strides(w.shape())[static_cast<int>(a)], size = w.size(static_cast<int>(a));
        for (std::int64_t i = 0; i < w.numel(); ++i)
          if (t.unit[a][i / step % size] == unit) w.mutable_data<double>()[i] *= gate;
        before.emplace_back(t.parameter, t.parameter->dense_values());
        t.parameter->set(w);
      }
    NoGrad off;
    const double loss = cross_entropy(net(x), label).item();
    for (auto& [p, value] : before) p->set(value);
    return loss;
  };
  constexpr double e = 1e-5;
  return (loss_at(1 + e) - loss_at(1 - e)) / (2 * e);
}

// Of a network without residual sums every channel is read at one place: the score is the mean over the examples of |dL/dξ| / M, by layers of length 1.
TEST(ChannelCriteria, TaylorIsWhatGatesSay) {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Conv2d>("conv1", 3, 4, 3, Window{.padding = 1}, false).add<nn::BatchNorm2d>("bn1", 4, true);
  net->add<nn::Conv2d>("conv2", 4, 5, 3).add<nn::Tanh>("tanh").add<nn::MaxPool2d>("pool").add<nn::Flatten>("flatten");
  net->add<nn::Linear>("fc1", 20, 6).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 6, 4);
  shake(*net, DType::f64);
  const Tensor y = labels(6, 4);
  const auto scores = channel_criterion("taylor").score({*net, pictures, y});
  const Channels c(*net, pictures);
  for (const ChannelLayer& l : c.layers()) {
    std::vector<double> want;
    double length = 0;
    for (const int u : l.units) {
      double sum = 0;
      for (std::int64_t i = 0; i < 6; ++i) sum += std::abs(gate_by_differences(*net, c, u, slice(pictures, 0, i, i + 1), slice(y, 0, i, i + 1)));
      want.push_back(sum);
      length += sum * sum;
    }
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(scores[l.units[i]], want[i] / std::sqrt(length), 1e-6) << l.name << " " << i;
  }
}

TEST(ChannelCriteria, DoNotDependOnHowExamplesAreSplit) {
  auto net = small_conv_net();
  for (const ChannelCriterion& k : channel_criteria()) {
    if (!k.needs_examples) continue;
    const auto whole = k.score({*net, pictures, labels(6, 4), Random(1), 6});
    for (const std::int64_t batch : {1, 4}) {
      const auto parts = k.score({*net, pictures, labels(6, 4), Random(1), batch});
      ASSERT_EQ(parts.size(), whole.size());
      for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(parts[i], whole[i], 1e-12 * (1 + std::abs(whole[i]))) << k.name;
    }
  }
}

// What a residual sum ties together is scored by the mean over the filters that make it.
TEST(ChannelCriteria, OfTiedFiltersTheMeanCounts) {
  auto net = nn::resnet(8);
  shake(*net, DType::f64);
  const Tensor x = noise(7, {1, 3, 8, 8});
  const Channels c(*net, x);
  const auto l1 = channel_criterion("l1").score({*net, x}), gamma = channel_criterion("bn-gamma").score({*net, x});
  const ChannelLayer& tied = c.layer("layer1.0.conv2.weight");
  EXPECT_EQ(tied.name, "conv1.weight");
  const Tensor a = channel_norm(net->parameter("conv1.weight").leaf(), 1, 0), b = channel_norm(net->parameter("layer1.0.conv2.weight").leaf(), 1, 0);
  const Tensor ga = net->parameter("bn1.weight").leaf(), gb = net->parameter("layer1.0.bn2.weight").leaf();
  for (int i = 0; i < 16; ++i) {
    EXPECT_NEAR(l1[tied.units[i]], (a.at(i) + b.at(i)) / 2, 1e-12);
    EXPECT_NEAR(gamma[tied.units[i]], (std::abs(ga.at(i)) + std::abs(gb.at(i))) / 2, 1e-12);
  }
}

// w and -w are far apart, and FPGM counts the filters that are left alone.
TEST(ChannelCriteria, FpgmTellsWFromMinusW) {
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 2, 4).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 4, 2);
  fill(net);
  net.parameter("fc1.weight").set(tensor({3.f, 4.f, -3.f, -4.f, 3.f, 4.f, 0.f, 0.f}, {4, 2}));
  const Tensor x = noise(1, {2, 2}, 1, DType::f32);
  EXPECT_EQ(channel_criterion("fpgm").score({net, x}), (std::vector<double>{15, 25, 15, 15}));
  const Channels c(net, x);
  mask_units(c, {c.layer("fc1.weight").units[3]});
  const auto left = channel_criterion("fpgm").score({net, x});
  EXPECT_EQ(std::vector<double>(left.begin(), left.begin() + 3), (std::vector<double>{10, 20, 10}));
}

TEST(ChannelCriteria, StatisticsAreThoseOfWhatIsRead) {
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 3, 4).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 4, 2);
  shake(net, DType::f64);
  const Tensor x = noise(3, {9, 3});
  NoGrad off;
  const Tensor h = relu(linear(x, net.parameter("fc1.weight").leaf(), net.parameter("fc1.bias").leaf()));
  const auto apoz = channel_criterion("apoz").score({net, x, {}, Random(1), 4}), mean = channel_criterion("activation").score({net, x, {}, Random(1), 4});
  for (int u = 0; u < 4; ++u) {
    double zeros = 0, total = 0;
    for (int i = 0; i < 9; ++i) zeros += h.at(i * 4 + u) == 0, total += h.at(i * 4 + u);
    EXPECT_NEAR(apoz[u], 1 - zeros / 9, 1e-12);
    EXPECT_NEAR(mean[u], total / 9, 1e-12);
  }
}

TEST(ChannelCriteria, WorkOnEveryRandomGraph) {
  for (int seed = 0; seed < 25; ++seed) {
    RandomGraph net(seed, true);
    shake(net, DType::f32);
    const Tensor x = noise(7, {5, RandomGraph::channels, RandomGraph::side, RandomGraph::side}, 1, DType::f32);
    const int units = Channels(net, x).units();
    for (const ChannelCriterion& k : channel_criteria()) {
      if (std::string(k.name) == "bn-gamma") continue;  // not all have one
      const auto scores = k.score({net, x, labels(5, 4), Random(1), 2});
      ASSERT_EQ(static_cast<int>(scores.size()), units) << k.name;
      for (const double s : scores) EXPECT_TRUE(std::isfinite(s)) << k.name;
    }
  }
}

TEST(ChannelCriteria, RefuseWhatIsMissing) {
  auto net = small_conv_net();
  EXPECT_TRUE(refuses([] { channel_criterion("size"); }, {"no criterion \"size\"", "l1", "taylor"}));
  EXPECT_TRUE(refuses([&] { channel_criterion("taylor").score({*net, pictures}); }, {"\"taylor\"", "a label for each of the 6 examples"}));
  EXPECT_TRUE(refuses([&] { channel_criterion("l1").score({*net, {}}); }, {"needs an example"}));
  EXPECT_TRUE(refuses([&] { channel_criterion("bn-gamma").score({*net, pictures}); }, {"\"bn-gamma\"", "nothing to say", "\"conv2.weight\""}));
}

}  // namespace
}  // namespace bonsai::prune
