// Gradients, and gradients of gradients, of whole layers against central differences in f64: every parameter and the input, in training and
// in evaluation. (Single operations: tests/core/gradients_test.cpp.)
#include "nn/networks.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

constexpr double eps = 1e-6, atol = 1e-5, rtol = 1e-3;

Tensor differences(const std::function<double()>& f, Tensor x) {
  Tensor d = empty(x.shape(), DType::f64);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const double here = x.at(i);
    x.mutable_data<double>()[i] = here + eps;
    const double above = f();
    x.mutable_data<double>()[i] = here - eps;
    const double below = f();
    x.mutable_data<double>()[i] = here;
    d.mutable_data<double>()[i] = (above - below) / (2 * eps);
  }
  return d;
}

void expect_derivatives(Module& layer, const Shape& shape) {
  layer.to(DType::f64);
  fill(layer);
  layer(noise(100, shape));  // so that running statistics are not those of a new layer
  for (const bool training : {true, false}) {
    layer.train(training);
    Tensors xs{noise(101, shape).requires_grad(true)};
    std::vector<std::string> names{"input"};
    for (Parameter* p : layer.parameters()) {
      xs.push_back(p->leaf());
      names.push_back(p->name());
    }
    auto loss = [&] {
      const Tensor y = layer(xs[0]);
      return sum(y * y * noise(102, y.shape()));
    };
    auto slope = [&](bool graph) {
      const Tensors g = grad(loss(), xs, {.create_graph = graph});
      Tensor total = number(0, xs[0].detach());
      for (std::size_t i = 0; i < g.size(); ++i) total = total + sum(g[i] * noise(110 + static_cast<std::uint32_t>(i), g[i].shape()));
      return total;
    };
    std::vector<Tensor> before;
    for (const auto& [name, b] : layer.buffers()) before.push_back(clone(*b));
    const Tensors first = grad(loss(), xs), second = grad(slope(true), xs);
    for (std::size_t i = 0; i < xs.size(); ++i) {
      SCOPED_TRACE(fmt::format("{} in {}", names[i], training ? "training" : "evaluation"));
      EXPECT_TRUE(close(first[i], differences([&] { return loss().item(); }, xs[i]), rtol, atol));
      EXPECT_TRUE(close(second[i], differences([&] { return slope(false).item(); }, xs[i]), rtol, atol)) << "gradient of the gradient";
      const bool always_0 = names[i].ends_with("k.bias");  // it shifts all scores of a row alike, which softmax does not see
      EXPECT_EQ(max(abs(first[i])).item() > 1e-3, !always_0);
    }
    if (training) continue;
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(same_bits(*layer.buffers()[i].second, before[i]));
  }
}

TEST(LayerGradients, OfConvolution) {
  Conv2d layer(4, 2, 3, {.stride = 2, .padding = 1, .groups = 2});
  expect_derivatives(layer, {2, 4, 3, 4});
}
TEST(LayerGradients, OfAPackedConvolution) {
  Conv2d layer(2, 3, 3, {.padding = 1});
  layer.to(DType::f64);
  layer.weight().set_mask(mask_of({3, 2, 3, 3}, [](std::int64_t i) { return i % 3 == 0; }));
  layer.weight().pack();
  layer.weight().set(noise(3, {3, 2, 3, 3}));
  Tensor x = noise(4, {1, 2, 3, 3}).requires_grad(true), v = layer.weight().leaf();
  auto loss = [&] { return sum(pow(layer(x), 3)); };
  auto slope = [&](bool graph) {
    const Tensors g = grad(loss(), {x, v}, {.create_graph = graph});
    return sum(g[0] * noise(5, g[0].shape())) + sum(g[1] * noise(6, g[1].shape()));
  };
  const Tensors first = grad(loss(), {x, v}), second = grad(slope(true), {x, v});
  for (int i : {0, 1}) {
    EXPECT_TRUE(close(first[i], differences([&] { return loss().item(); }, i == 0 ? x : v), rtol, atol));
    EXPECT_TRUE(close(second[i], differences([&] { return slope(false).item(); }, i == 0 ? x : v), rtol, atol));
  }
}
TEST(LayerGradients, OfBatchNorm) {
  BatchNorm2d pictures(3), rows(3, false, 0.5, 1e-2), rectified(3, true);
  expect_derivatives(pictures, {2, 3, 2, 2});
  expect_derivatives(rows, {5, 3});
  expect_derivatives(rectified, {2, 3, 2, 2});
}
TEST(LayerGradients, OfLayerNorm) {
  LayerNorm layer(4);
  expect_derivatives(layer, {2, 3, 4});
}
TEST(LayerGradients, OfResidualBlocks) {
  BasicBlock same(2, 2, 1, Shortcut::projection), projection(2, 3, 2, Shortcut::projection), padding(2, 4, 2, Shortcut::padding);
  expect_derivatives(same, {2, 2, 3, 3});
  expect_derivatives(projection, {2, 2, 3, 4});
  expect_derivatives(padding, {2, 2, 4, 3});
}
TEST(LayerGradients, OfAttention) {
  MultiHeadAttention attention(4, 2);
  EncoderBlock block(4, 2, 3);
  auto net = transformer({.tokens = 3, .features = 2, .model = 4, .heads = 2, .hidden = 3, .blocks = 1, .classes = 2});
  expect_derivatives(attention, {2, 3, 4});
  expect_derivatives(block, {2, 3, 4});
  expect_derivatives(*net, {2, 3, 2});
}

}  // namespace
}  // namespace bonsai::nn
