// Normalisation: rows and pictures, with ReLU and shortcut, by plain loops; what running statistics follow and when they stay; and a residual
// block put together from its parts.
#include "nn/picture_layers.h"

#include "nn/init.h"
#include "nn/networks.h"
#include "nn/train.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

Tensor buffer(Module& m, const std::string& name) {
  for (const auto& [each, b] : m.buffers())
    if (each == name) return *b;
  fail("no buffer \"{}\"", name);
}

// Of channel c of x (n, channels, ...): its mean and its variance, n or n - 1 in the denominator.
struct Moments {
  double mean = 0, variance = 0, unbiased = 0;
};
Moments moments(const Tensor& x, std::int64_t c) {
  const std::int64_t channels = x.size(1), plane = x.numel() / x.size(0) / channels;
  std::vector<double> members;
  for (std::int64_t i = 0; i < x.numel(); ++i)
    if (i / plane % channels == c) members.push_back(x.at(i));
  Moments m;
  const auto n = static_cast<double>(members.size());
  for (const double v : members) m.mean += v / n;
  for (const double v : members) m.variance += (v - m.mean) * (v - m.mean) / n;
  m.unbiased = m.variance * n / (n - 1);
  return m;
}

TEST(BatchNorm, NormalisesByTheBatchAndFollowsIt) {
  for (const Shape& shape : {Shape{6, 3}, Shape{2, 3, 4, 5}})
    for (const bool rectified : {false, true}) {
      SCOPED_TRACE(fmt::format("{} ReLU {}", str(shape), rectified));
      BatchNorm2d layer(3, rectified, 0.2, 1e-3);
      layer.to(DType::f64);
      layer.gamma().set(tensor({1.5, -0.5, 0.25}));
      layer.beta().set(tensor({0.1, 0.2, -0.3}));
      double mean[3] = {0, 0, 0}, variance[3] = {1, 1, 1};
      const std::int64_t plane = shape.numel() / shape[0] / 3;
      for (std::uint32_t pass = 0; pass < 3; ++pass) {
        const Tensor x = noise(pass, shape, 2) + static_cast<double>(pass), y = layer(x);
        for (std::int64_t c = 0; c < 3; ++c) {
          const Moments m = moments(x, c);
          mean[c] = 0.8 * mean[c] + 0.2 * m.mean;
          variance[c] = 0.8 * variance[c] + 0.2 * m.unbiased;
          EXPECT_NEAR(buffer(layer, "running_mean").at(c), mean[c], 1e-14);
          EXPECT_NEAR(buffer(layer, "running_var").at(c), variance[c], 1e-14);
          for (std::int64_t i = 0; i < x.numel(); ++i) {
            if (i / plane % 3 != c) continue;
            const double want = layer.gamma().leaf().at(c) * (x.at(i) - m.mean) / std::sqrt(m.variance + 1e-3) + layer.beta().leaf().at(c);
            EXPECT_NEAR(y.at(i), rectified ? std::max(0.0, want) : want, 1e-13);
          }
        }
      }
      const Evaluating mode(layer);
      const Tensor x = noise(9, shape, 2), y = layer(x), mean_before = clone(buffer(layer, "running_mean"));
      for (std::int64_t i = 0; i < x.numel(); ++i) {
        const std::int64_t c = i / plane % 3;
        const double want = layer.gamma().leaf().at(c) * (x.at(i) - mean[c]) / std::sqrt(variance[c] + 1e-3) + layer.beta().leaf().at(c);
        EXPECT_NEAR(y.at(i), rectified ? std::max(0.0, want) : want, 1e-13);
      }
      EXPECT_TRUE(same_bits(buffer(layer, "running_mean"), mean_before));  // evaluation follows nothing
    }
}

// In the same pass, and in evaluation: y + shortcut, then ReLU.
TEST(BatchNorm, AddsAShortcutBeforeTheReLU) {
  BatchNorm2d plain(2), whole(2, true);
  for (BatchNorm2d* layer : {&plain, &whole}) {
    layer->to(DType::f64);
    fill(*layer);
  }
  const Tensor x = noise(1, {3, 2, 2, 2}), shortcut = noise(2, x.shape());
  EXPECT_TRUE(close(whole.forward(x, shortcut).detach(), relu(plain(x) + shortcut).detach(), 1e-13, 1e-14));
  plain.train(false);
  whole.train(false);
  EXPECT_TRUE(close(whole.forward(x, shortcut).detach(), relu(plain(x) + shortcut).detach(), 1e-13, 1e-14));
}

// Its statistics are no part of the graph: nothing of a step stays alive in the layer.
TEST(BatchNorm, RunningStatisticsAreOutsideTheGraph) {
  BatchNorm2d layer(2);
  initialize(layer, {}, Random(1));
  layer(noise(1, {3, 2}, 1, DType::f32).requires_grad(true));
  for (const auto& [name, b] : layer.buffers()) EXPECT_FALSE(b->requires_grad()) << name;
}

TEST(BatchNorm, RefusesWhatHasNoVarianceAndStaysAsItWas) {
  Sequential net;
  net.add<BatchNorm2d>("bn", 3);
  net(noise(1, {4, 3}, 1, DType::f32));
  std::vector<Tensor> before;
  for (const auto& [name, b] : net.buffers()) before.push_back(clone(*b));
  EXPECT_TRUE(refuses([&] { net(zeros({1, 3})); }, {"\"bn\"", "(1, 3)", "larger batch"}));
  EXPECT_TRUE(refuses([&] { net(zeros({1, 3, 1, 1})); }, {"\"bn\"", "(1, 3, 1, 1)"}));
  EXPECT_TRUE(refuses([&] { net(zeros({4, 2})); }, {"\"bn\"", "(4, 2)", "3 channels"}));
  EXPECT_TRUE(refuses([&] { net(zeros({4})); }, {"\"bn\"", "(4)"}));
  EXPECT_TRUE(refuses([&] { net(zeros({0, 3})); }, {"\"bn\"", "(0, 3)"}));
  EXPECT_TRUE(refuses([&] { net(zeros({4, 3}, DType::f64)); }, {"\"bn\"", "f64", "f32"}));
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(same_bits(*net.buffers()[i].second, before[i]));
  net.train(false);
  EXPECT_EQ(net(zeros({1, 3})).shape(), (Shape{1, 3}));  // evaluation needs no batch
  EXPECT_EQ(net(zeros({0, 3})).shape(), (Shape{0, 3}));

  EXPECT_TRUE(refuses([] { BatchNorm2d(0); }, {"channels", "0"}));
  EXPECT_TRUE(refuses([] { BatchNorm2d(3, false, 1.5); }, {"1.5", "[0, 1]"}));
  EXPECT_TRUE(refuses([] { BatchNorm2d(3, false, std::nan("")); }, {"nan"}));
  EXPECT_TRUE(refuses([] { BatchNorm2d(3, false, 0.1, 0); }, {"epsilon", "0"}));
}

TEST(LayerNorm, IsTheFormula) {
  LayerNorm layer(5, 1e-3);
  layer.to(DType::f64);
  fill(layer);
  const Tensor x = noise(1, {2, 3, 5}, 2), y = layer(x);
  for (std::int64_t row = 0; row < 6; ++row) {
    double mean = 0, variance = 0;
    for (int i = 0; i < 5; ++i) mean += x.at(row * 5 + i) / 5;
    for (int i = 0; i < 5; ++i) variance += std::pow(x.at(row * 5 + i) - mean, 2) / 5;
    for (int i = 0; i < 5; ++i) {
      const double normal = (x.at(row * 5 + i) - mean) / std::sqrt(variance + 1e-3);
      EXPECT_NEAR(y.at(row * 5 + i), layer.parameter("weight").leaf().at(i) * normal + layer.parameter("bias").leaf().at(i), 1e-13);
    }
  }
  EXPECT_TRUE(refuses([&] { layer(zeros({2, 4}, DType::f64)); }, {"(2, 4)", "(5)"}));
  EXPECT_TRUE(refuses([] { LayerNorm(0); }, {"0 features"}));
  EXPECT_TRUE(refuses([] { LayerNorm(5, -1); }, {"-1"}));
}

// The block's parts, put together by hand.
TEST(BasicBlock, IsTheFormula) {
  for (const bool same : {true, false}) {
    BasicBlock block(4, same ? 4 : 6, same ? 1 : 2, Shortcut::projection);
    block.to(DType::f64);
    fill(block);
    auto p = [&](const char* name) { return block.parameter(name).value(); };
    const Tensor x = noise(1, {2, 4, 6, 6});
    const Window first{.stride = same ? 1 : 2, .padding = 1}, second{.padding = 1};
    const Tensor a = relu(batch_norm(conv2d(x, p("conv1.weight"), {}, first), p("bn1.weight"), p("bn1.bias"), 1e-5).y);
    const Tensor b = batch_norm(conv2d(a, p("conv2.weight"), {}, second), p("bn2.weight"), p("bn2.bias"), 1e-5).y;
    const Tensor past = same ? x : batch_norm(conv2d(x, p("shortcut.conv.weight"), {}, {.stride = 2}), p("shortcut.bn.weight"), p("shortcut.bn.bias"), 1e-5).y;
    EXPECT_TRUE(close(block(x).detach(), relu(b + past).detach(), 1e-12, 1e-13));
  }
  EXPECT_TRUE(refuses([] { BasicBlock(8, 4, 1, Shortcut::padding); }, {"8 -> 4", "shrink"}));
  EXPECT_TRUE(refuses([] { BasicBlock(4, 4, 0, Shortcut::padding); }, {"stride 0"}));
}

// Stopped after 2 of 5 steps and taken up by new objects, with the statistics, the bits of an unbroken training, and the same evaluation.
TEST(Train, TakesUpRunningStatistics) {
  auto make = [] {
    auto net = resnet(8);
    initialize(*net, {}, Random(1));
    return net;
  };
  auto batch = [](std::int64_t i) { return Batch{noise(static_cast<std::uint32_t>(i), {4, 3, 8, 8}, 1, DType::f32), labels(4, 10, i)}; };
  auto whole = make(), parts = make(), resumed = make();
  SGD a(whole->parameters(), {.momentum = 0.9}), b(parts->parameters(), {.momentum = 0.9}), c(resumed->parameters(), {.momentum = 0.9});
  const Schedule rate = constant(0.05);
  train(*whole, a, batch, {.iterations = 5, .rate = rate});
  train(*parts, b, batch, {.iterations = 2, .rate = rate});
  for (Parameter* p : parts->parameters()) resumed->parameter(p->name()).set(p->leaf());
  const auto from = parts->buffers(), to = resumed->buffers();
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) *to[i].second = clone(*from[i].second);
  c.load_state(b.state());
  train(*resumed, c, batch, {.first = 2, .iterations = 5, .rate = rate});
  for (Parameter* p : whole->parameters()) EXPECT_TRUE(same_bits(resumed->parameter(p->name()).leaf(), p->leaf())) << p->name();
  for (std::size_t i = 0; i < from.size(); ++i) EXPECT_TRUE(same_bits(*whole->buffers()[i].second, *to[i].second)) << to[i].first;
}

}  // namespace
}  // namespace bonsai::nn
