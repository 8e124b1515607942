// Taylor scores of channels and heads, and head norms, each against the plainest loops or against the loss itself, and what they refuse.
#include <gtest/gtest.h>

#include <cmath>

#include "nn/picture_layers.h"
#include "prune/scores/channel_taylor.h"
#include "prune/scores/head_importance.h"
#include "prune/scores/head_norm.h"
#include "tests/prune/scores_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

TEST(ChannelTaylor, IsThePlainSumsOfAnyShapeAndSplit) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& shape : {Shape{7, 5}, Shape{7, 1, 3}, Shape{7, 4, 3, 5}, Shape{7, 2, 3, 1, 2}}) {
      const Tensor a = noise(1, shape, 2, t), g = noise(2, shape, 3, t);
      const std::int64_t c = shape[1], m = a.numel() / 7 / c;
      for (const OverPositions over : {OverPositions::mean, OverPositions::sum}) {
        std::vector<double> want(c, 0);
        for (std::int64_t e = 0; e < 7; ++e)
          for (std::int64_t k = 0; k < c; ++k) {
            long double inner = 0;
            for (std::int64_t p = 0; p < m; ++p) inner += static_cast<long double>(a.at((e * c + k) * m + p)) * g.at((e * c + k) * m + p);
            want[k] += static_cast<double>(std::abs(inner)) / (over == OverPositions::mean ? static_cast<double>(m) : 1.0) / 7;
          }
        Tensor whole;
        for (const auto& sizes : cuts) {
          const Tensor s = in_batches(ChannelTaylor(over), sizes, [&](ChannelTaylor& taylor, std::int64_t b, std::int64_t e) {
                             taylor.add(slice(a, 0, b, e), slice(g, 0, b, e));
                           }).scores();
          if (!whole.defined()) whole = s;
          EXPECT_TRUE(same_bits(s, whole));
        }
        EXPECT_TRUE(close(whole, tensor(std::span<const double>(want), {c}), 1e-13));
      }
    }
}

// A small convolutional network in f64; what stands between its first convolution and its second is multiplied with a gate a channel and example.
struct Gated {
  nn::Conv2d first{2, 3, 3, {.padding = 1}}, second{3, 2, 3};
  nn::BatchNorm2d bn{3};
  nn::Linear last{2, 3};
  Tensor x = noise(3, {5, 2, 6, 6});
  Gated() {
    for (nn::Module* m : std::initializer_list<nn::Module*>{&first, &second, &bn, &last}) {
      m->to(DType::f64);
      m->train(false);
      fill(*m);
    }
    for (auto& [name, b] : bn.buffers()) *b = noise(name == "running_var" ? 8 : 9, {3}, 0.3) + 1.0;
  }
  Tensor normalized() { return bn(first(x)); }
  Tensor losses(const Tensor& a, const Tensor& gate) {  // the sum over the examples
    return sum(cross_entropy_each(last(global_average_pool(tanh(second(relu(a * reshape(gate, {5, 3, 1, 1})))))), labels(5, 3)));
  }
};

TEST(ChannelTaylor, ReadsTheGradientOfAGate) {
  Gated net;
  Tensor gate = ones({5, 3}, DType::f64), a = net.normalized().detach();
  gate.requires_grad(true);
  a.requires_grad(true);
  const Tensor loss = net.losses(a, gate);
  const Tensors g = grad(loss, {a, gate});
  ChannelTaylor taylor(OverPositions::sum);
  taylor.add(a, g[0]);
  EXPECT_TRUE(close(taylor.scores(), mean(abs(g[1]), {0}), 1e-12));
  // Signed, one example at a time, and against the loss itself with the gate moved: no derivative is trusted here.
  for (std::int64_t e = 0; e < 5; ++e)
    for (std::int64_t c = 0; c < 3; ++c) {
      double inner = 0;
      for (std::int64_t p = 0; p < 36; ++p) inner += a.at((e * 3 + c) * 36 + p) * g[0].at((e * 3 + c) * 36 + p);
      EXPECT_NEAR(inner, g[1].at(e * 3 + c), 1e-12);
      NoGrad off;
      const double up = net.losses(a, with(gate, e * 3 + c, 1 + 1e-5)).item(), down = net.losses(a, with(gate, e * 3 + c, 1 - 1e-5)).item();
      EXPECT_NEAR(inner, (up - down) / 2e-5, 1e-8);
      EXPECT_GT(std::abs(inner), 1e-6);  // else the comparison says nothing
    }
}

// "Taylor reaches BN": of each example, γ dL/dγ + β dL/dβ is what the positions of its channel sum up to.
TEST(ChannelTaylor, AtABatchNormIsWhatItsParametersSay) {
  Gated net;
  const Tensor all = net.x;
  std::vector<double> by_parameters(3, 0);
  ChannelTaylor taylor(OverPositions::sum);
  for (std::int64_t e = 0; e < 5; ++e) {
    net.x = slice(all, 0, e, e + 1);
    Tensor a = net.normalized();
    const Tensor loss = cross_entropy(net.last(global_average_pool(tanh(net.second(relu(a))))), labels(1, 3, e % 3));
    const Tensors g = grad(loss, {a, net.bn.gamma().leaf(), net.bn.beta().leaf()});
    taylor.add(a, g[0]);
    for (std::int64_t c = 0; c < 3; ++c) by_parameters[c] += std::abs(net.bn.gamma().leaf().at(c) * g[1].at(c) + net.bn.beta().leaf().at(c) * g[2].at(c)) / 5;
  }
  EXPECT_TRUE(close(taylor.scores(), tensor(std::span<const double>(by_parameters), {3}), 1e-12));
  for (double s : by_parameters) EXPECT_GT(s, 1e-6);
}

TEST(ChannelTaylor, NormalisedWithinItsLayer) {
  EXPECT_EQ(l2_normalized(tensor({3.0, 0.0, 4.0})).to_vector<double>(), (std::vector{0.6, 0.0, 0.8}));
  EXPECT_EQ(l2_normalized(zeros({3}, DType::f64)).to_vector<double>(), (std::vector{0.0, 0.0, 0.0}));
  EXPECT_EQ(l2_normalized(tensor({5.0})).to_vector<double>(), std::vector{1.0});
  EXPECT_EQ(l2_normalized(tensor({3e-200, 4e-200})).at(1), 0.8);
  EXPECT_EQ(l2_normalized(zeros({0}, DType::f64)).numel(), 0);
}

TEST(ChannelTaylor, RefusesWithOneLineAndStaysAsItWas) {
  const Tensor a = noise(1, {2, 3, 4}), g = noise(2, {2, 3, 4});
  ChannelTaylor taylor;
  EXPECT_TRUE(refuses([&] { taylor.scores(); }, {"channel Taylor", "no example"}));
  taylor.add(slice(a, 0, 0, 0), slice(g, 0, 0, 0));
  EXPECT_TRUE(refuses([&] { taylor.scores(); }, {"no example"}));
  taylor.add(a, g);
  const Tensor before = taylor.scores();
  EXPECT_TRUE(refuses([&] { taylor.add(a, slice(g, 2, 0, 3)); }, {"(2, 3, 4)", "(2, 3, 3)", "one shape"}));
  EXPECT_TRUE(refuses([&] { taylor.add(a, {}); }, {"gradients", "undefined", "backward"}));
  EXPECT_TRUE(refuses([&] { taylor.add(noise(1, {2, 5}), noise(1, {2, 5})); }, {"(2, 5)", "5 channels", "3"}));
  EXPECT_TRUE(refuses([&] { taylor.add(noise(1, {3}), noise(1, {3})); }, {"(n, channels, ...)", "(3)"}));
  EXPECT_TRUE(refuses([&] { taylor.add(labels(2, 3), labels(2, 3)); }, {"i64"}));
  EXPECT_TRUE(refuses([&] { taylor.add(zeros({2, 3, 0}), zeros({2, 3, 0})); }, {"(2, 3, 0)", "no position"}));
  EXPECT_TRUE(refuses([&] { taylor.add(with(a, 17, nan), g); }, {"activations", "nan", "channel 1", "example 1"}));
  EXPECT_TRUE(refuses([&] { taylor.add(a, with(g, 8, infinity)); }, {"gradients", "inf", "channel 2", "example 0"}));
  EXPECT_TRUE(same_bits(taylor.scores(), before));
}

// Michel's gates, one a head and example, multiplied into the heads' outputs of an attention written out here.
TEST(HeadImportance, IsTheGradientOfAGate) {
  const std::int64_t n = 3, heads = 4, t = 5, d = 2;
  const Tensor q = noise(1, {n, heads, t, d}, 2), k = noise(2, {n, heads, t, d}, 2), v = noise(3, {n, heads, t, d}), o = noise(4, {t * heads * d, 3});
  Tensor out = matmul(softmax(matmul(q, k, {.b = true})), v), gate = ones({n, heads, 1, 1}, DType::f64);
  out.requires_grad(true);
  gate.requires_grad(true);
  const Tensor joined = reshape(permute(out * gate, {0, 2, 1, 3}), {n, t * heads * d});
  const Tensors g = grad(sum(cross_entropy_each(matmul(joined, o), labels(n, 3))), {out, gate});
  HeadImportance importance;
  for (std::int64_t e = 0; e < n; ++e) importance.add(slice(out, 0, e, e + 1), slice(g[0], 0, e, e + 1));
  std::vector<double> want(heads, 0);
  double squares = 0;
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t e = 0; e < n; ++e) want[h] += std::abs(g[1].at(e * heads + h)) / static_cast<double>(n);
    squares += want[h] * want[h];
  }
  EXPECT_TRUE(close(importance.scores(false), tensor(std::span<const double>(want), {heads}), 1e-12));
  for (double& s : want) s /= std::sqrt(squares);
  EXPECT_TRUE(close(importance.scores(), tensor(std::span<const double>(want), {heads}), 1e-12));
  EXPECT_TRUE(refuses([&] { importance.add(noise(1, {2, 3, 4}), noise(1, {2, 3, 4})); }, {"head importance", "(n, heads, t, d)", "(2, 3, 4)"}));
  EXPECT_TRUE(refuses([&] { importance.add({}, {}); }, {"head importance", "undefined"}));
  EXPECT_TRUE(refuses([&] { HeadImportance().scores(); }, {"no example"}));
}

TEST(HeadNorm, IsThePlainNormOfBothSlices) {
  const std::int64_t heads = 3, d = 2, in = 5, out = 4;
  const Tensor v = noise(1, {heads * d, in}, 1, DType::f32), o = noise(2, {out, heads * d}, 1, DType::f32);
  for (std::int64_t h = 0; h < heads; ++h) {
    double squares = 0, sizes = 0;
    for (std::int64_t r = h * d; r < (h + 1) * d; ++r) {
      for (std::int64_t i = 0; i < in; ++i) squares += std::pow(v.at(r * in + i), 2), sizes += std::abs(v.at(r * in + i));
      for (std::int64_t i = 0; i < out; ++i) squares += std::pow(o.at(i * heads * d + r), 2), sizes += std::abs(o.at(i * heads * d + r));
    }
    EXPECT_NEAR(head_norm(v, o, heads).at(h), std::sqrt(squares), 1e-12);
    EXPECT_NEAR(head_norm(v, o, heads, 1).at(h), sizes, 1e-12);
  }
  EXPECT_EQ(head_norm(v, o, 1).numel(), 1);
  EXPECT_TRUE(std::isnan(head_norm(with(v, 0, nan), o, heads).at(0)));  // as channel_norm: selecting refuses it by name
  EXPECT_TRUE(refuses([&] { head_norm(v, o, 4); }, {"head norm", "4 heads", "6 rows"}));
  EXPECT_TRUE(refuses([&] { head_norm(v, o, 0); }, {"0 heads"}));
  EXPECT_TRUE(refuses([&] { head_norm(v, noise(1, {4, 5}), 3); }, {"(heads·d, in)", "(6, 5)", "(4, 5)"}));
  EXPECT_TRUE(refuses([&] { head_norm({}, o, 3); }, {"nothing"}));
  EXPECT_TRUE(refuses([&] { head_norm(v, o, 3, nan); }, {"NaN"}));
}

}  // namespace
}  // namespace bonsai::prune
