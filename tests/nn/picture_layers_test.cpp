// Convolution, BatchNorm, LayerNorm and the residual block as layers: their formulas, what they keep, what a mask and packing do, and
// derivatives of derivatives through a whole block.
#include "nn/picture_layers.h"

#include "core/derivatives.h"
#include "nn/forms.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "nn/train.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

TEST(Conv2d, SaysWhatItIsAndRefusesWhatItCannotBe) {
  Conv2d layer(6, 9, 3, {.stride = 2, .padding = 1, .groups = 3}, false);
  EXPECT_EQ(layer.weight().shape(), (Shape{9, 2, 3, 3}));
  EXPECT_EQ(layer.bias(), nullptr);
  EXPECT_EQ(layer.describe(), "Conv 6 -> 9, 3x3, stride 2, padding 1, 3 groups without bias");
  EXPECT_EQ(layer(zeros({2, 6, 8, 7})).shape(), (Shape{2, 9, 4, 4}));
  EXPECT_TRUE(refuses([] { Conv2d(4, 6, 3, {.groups = 4}); }, {"4 groups", "4 inputs", "6 outputs"}));
  EXPECT_TRUE(refuses([] { Conv2d(4, 6, 3, {.groups = 0}); }, {"0 groups"}));
  EXPECT_TRUE(refuses([] { Conv2d(4, 0, 3); }, {"4 -> 0"}));
  EXPECT_TRUE(refuses([] { Conv2d(1, 1, 5)(zeros({1, 1, 4, 4})); }, {"5x5 kernel", "4x4"}));
}

// y and the running statistics from the formulas, in f64.
TEST(BatchNorm2d, FollowsTheBatchesAndUsesWhatItHasLearned) {
  BatchNorm2d bn(3);
  bn.to(DType::f64);
  bn.gamma().set(wave(1, {3}, 0.5) + 1.0);
  bn.beta().set(wave(2, {3}));
  double mean[3] = {0, 0, 0}, variance[3] = {1, 1, 1};
  for (int step = 0; step < 3; ++step) {
    const Tensor x = wave(5 + step, {4, 3, 2, 5}, 2) + 1.0, y = bn(x);
    for (int c = 0; c < 3; ++c) {
      double m = 0, v = 0;
      auto at = [&](int i) { return (i / 10 * 3 + c) * 10 + i % 10; };
      for (int i = 0; i < 40; ++i) m += x.at(at(i)) / 40;
      for (int i = 0; i < 40; ++i) v += std::pow(x.at(at(i)) - m, 2) / 40;
      for (int i = 0; i < 40; ++i)
        EXPECT_NEAR(y.at(at(i)), bn.gamma().leaf().at(c) * (x.at(at(i)) - m) / std::sqrt(v + 1e-5) + bn.beta().leaf().at(c), 1e-12);
      mean[c] = 0.9 * mean[c] + 0.1 * m;
      variance[c] = 0.9 * variance[c] + 0.1 * v * 40 / 39;
    }
  }
  const auto buffers = bn.buffers();
  ASSERT_EQ(buffers.size(), 2u);
  const Evaluating mode(bn);
  const Tensor x = wave(9, {1, 3, 1, 2}), y = bn(x);
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(buffers[0].second->at(c), mean[c], 1e-13);
    EXPECT_NEAR(buffers[1].second->at(c), variance[c], 1e-13);
    for (int i = 0; i < 2; ++i)
      EXPECT_NEAR(y.at(c * 2 + i), bn.gamma().leaf().at(c) * (x.at(c * 2 + i) - mean[c]) / std::sqrt(variance[c] + 1e-5) + bn.beta().leaf().at(c), 1e-12);
  }
  EXPECT_EQ(buffers[0].second->at(0), bn.buffers()[0].second->at(0)) << "evaluating changes nothing";
}

TEST(BatchNorm2d, RefusesWhatItCannotNormalise) {
  EXPECT_TRUE(refuses([] { BatchNorm2d(3)(zeros({2, 4, 2, 2})); }, {"(2, 4, 2, 2)", "3 channels"}));
  EXPECT_TRUE(refuses([] { BatchNorm2d(3)(zeros({1, 3, 1, 1})); }, {"(1, 3, 1, 1)", "one number a channel"}));
  BatchNorm2d one(3);
  const Evaluating mode(one);
  EXPECT_EQ(one(zeros({1, 3, 1, 1})).shape(), (Shape{1, 3, 1, 1}));
}

TEST(Initialize, StartsGammaAtOneAndForgetsStatistics) {
  auto net = resnet(20);
  initialize(*net, {Fan::he, Distribution::normal}, Random(1));
  (*net)(Random(2).normal({2, 3, 8, 8}));
  EXPECT_NE(net->buffers()[0].second->at(0), 0);
  initialize(*net, {Fan::he, Distribution::normal}, Random(1));
  for (const Parameter* p : net->parameters()) {
    if (p->shape().rank() != 1) continue;
    const bool gamma = p->name().find("bn") != std::string::npos && p->name().ends_with("weight");
    for (std::int64_t i = 0; i < p->numel(); ++i) ASSERT_EQ(p->leaf().at(i), gamma ? 1 : 0) << p->name();
  }
  for (const auto& [name, b] : net->buffers())
    for (std::int64_t i = 0; i < b->numel(); ++i) ASSERT_EQ(b->at(i), name.ends_with("var") ? 1 : 0) << name;
}

// Option A: every other pixel, zeros for the channels that are new.
TEST(BasicBlock, APaddedShortcutIsThePictureItself) {
  BasicBlock block(2, 6, 2, Shortcut::padding);
  block.to(DType::f64);
  const Tensor x = wave(1, {2, 2, 5, 4}) + 2.0;  // with W = 0 and β = 0 the rest of the block gives 0, and all here is positive
  block.train(false);
  const Tensor y = block(x);
  ASSERT_EQ(y.shape(), (Shape{2, 6, 3, 2}));
  for (int n = 0; n < 2; ++n)
    for (int c = 0; c < 6; ++c)
      for (int p = 0; p < 3; ++p)
        for (int q = 0; q < 2; ++q)
          EXPECT_EQ(y.at(((n * 6 + c) * 3 + p) * 2 + q), c < 2 || c > 3 ? 0 : x.at(((n * 2 + c - 2) * 5 + 2 * p) * 4 + 2 * q));
  EXPECT_EQ(BasicBlock(4, 4, 1, Shortcut::projection).parameters().size(), 6u);
  EXPECT_EQ(BasicBlock(4, 8, 2, Shortcut::projection).parameters().size(), 9u);
  EXPECT_TRUE(refuses([] { BasicBlock(8, 4, 1, Shortcut::padding); }, {"8 -> 4"}));
}

// H v by autograd beside central differences of the gradient, through two convolutions, three BatchNorms, the sum and ReLUs.
TEST(BasicBlock, CanBeDifferentiatedTwice) {
  for (const bool training : {true, false}) {
    BasicBlock block(2, 3, 2, Shortcut::projection);
    block.to(DType::f64);
    Tensors xs, vs;
    int k = 0;
    for (Parameter* p : block.parameters()) {
      p->set(wave(++k, p->shape(), 0.4) + number(p->initial(), p->leaf().detach()));
      xs.push_back(p->leaf());
      vs.push_back(wave(50 + k, p->shape()));
    }
    block.train(training);
    const Tensor x = wave(40, {3, 2, 5, 5});
    auto loss = [&] { return sum(pow(block(x), 2)); };
    const Tensors hv = hvp(loss(), xs, vs);
    auto gradient_at = [&](double step) {
      std::vector<Tensor> before;
      for (std::size_t i = 0; i < xs.size(); ++i) {
        before.push_back(clone(xs[i].detach()));
        copy_into(xs[i], before[i] + vs[i] * step);
      }
      const Tensors g = grad(loss(), xs);
      for (std::size_t i = 0; i < xs.size(); ++i) copy_into(xs[i], before[i]);
      return g;
    };
    const double eps = 1e-6;
    const Tensors above = gradient_at(eps), below = gradient_at(-eps);
    for (std::size_t i = 0; i < xs.size(); ++i)
      EXPECT_TRUE(close(hv[i], (above[i].detach() - below[i].detach()) * (0.5 / eps), 1e-3, 1e-4)) << block.parameters()[i]->name() << (training ? ", training" : "");
  }
}

TEST(LayerNorm, NormalisesEachRow) {
  LayerNorm layer(5);
  layer.parameter("weight").set(ones({5}));
  const Tensor y = layer(wave(1, {2, 3, 5}, 4, DType::f32));
  for (int row = 0; row < 6; ++row) {
    double mean = 0, squares = 0;
    for (int i = 0; i < 5; ++i) mean += y.at(row * 5 + i) / 5, squares += y.at(row * 5 + i) * y.at(row * 5 + i) / 5;
    EXPECT_NEAR(mean, 0, 1e-6);
    EXPECT_NEAR(squares, 1, 1e-4);
  }
}

// A masked network and the same one packed, trained side by side: losses within 1e-9 in f64 and 1e-4 in f32.
TEST(PackedConvolutions, TrainAsMaskedOnesDo) {
  for (const DType t : {DType::f64, DType::f32}) {
    std::vector<double> losses[2];
    for (const bool packed : {false, true}) {
      Sequential net;
      net.add<Conv2d>("conv1", 2, 6, 3, Window{.padding = 1}).add<ReLU>("relu1").add<MaxPool2d>("pool1");
      net.add<Conv2d>("conv2", 6, 8, 3, Window{.stride = 2, .padding = 1, .groups = 2}, false).add<BatchNorm2d>("bn2", 8, true);
      net.add<Flatten>("flatten").add<Linear>("fc", 32, 4);
      net.to(t);
      int k = 0;
      for (Parameter* p : net.parameters()) {
        p->set(wave(++k, p->shape(), 0.4, t) + number(p->initial(), p->leaf().detach()));
        if (p->shape().rank() >= 2) p->set_mask(mask_of(p->shape(), [](std::int64_t i) { return i * i % 7 == 1; }));
      }
      if (packed) {
        for (const ChosenForm& c : choose_forms(net, 1)) EXPECT_EQ(c.form, Form::packed) << c.parameter;
      }
      Adam adam(net.parameters());
      for (int step = 0; step < 60; ++step) {
        const Tensor loss = cross_entropy(net(wave(100 + step, {6, 2, 8, 8}, 1, t)), labels(6, 4));
        losses[packed].push_back(loss.item());
        backward(loss);
        adam.step(0.003);
      }
    }
    for (std::size_t i = 0; i < losses[0].size(); ++i) EXPECT_TRUE(std::abs(losses[1][i] / losses[0][i] - 1) <= (t == DType::f64 ? 1e-9 : 1e-4)) << name(t) << " step " << i;
  }
}

// How many are taken at a time does not matter.
TEST(Evaluate, OfPicturesIsOfAllOfThem) {
  auto net = conv_net(2);
  initialize(*net, {}, Random(1));
  const Tensor x = Random(2).normal({130, 3, 32, 32}), y = labels(130, 10);
  const Measure all = evaluate(*net, x, y);
  double loss = 0, accuracy = 0;
  for (int part = 0; part < 2; ++part) {
    const Measure m = evaluate(*net, slice(x, 0, part * 65, (part + 1) * 65), slice(y, 0, part * 65, (part + 1) * 65));
    loss += m.loss / 2;
    accuracy += m.accuracy / 2;
  }
  EXPECT_NEAR(all.loss, loss, 1e-6);
  EXPECT_NEAR(all.accuracy, accuracy, 1e-9);
}

}  // namespace
}  // namespace bonsai::nn
