// N:M masks against PyTorch's topk and against all patterns, N:M by a method's score, SR-STE against a training by hand.
#include "prune/nm/nm.h"

#include <bit>
#include <cmath>

#include "nn/networks.h"
#include "nn/picture_layers.h"
#include "prune/nm/prune_nm.h"
#include "prune/nm/sr_ste.h"
#include "tests/prune/during_support.h"
#include "tests/prune/golden_nm.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

Shape shape_of(const std::vector<std::int64_t>& s) { return Shape(std::span<const std::int64_t>(s)); }

TEST(Nm, MasksArePyTorchs) {
  for (const auto& g : golden::nm_masks) {
    const Shape shape = shape_of(g.shape);
    const Tensor mask = nm_mask("w", abs(wave(2, shape)), {g.n, g.m});
    const std::string bits = g.bits;
    for (std::int64_t i = 0; i < shape.numel(); ++i) {
      const int digit = std::stoi(bits.substr(i / 4, 1), nullptr, 16);
      ASSERT_EQ(mask.data<std::uint8_t>()[i], digit >> (3 - i % 4) & 1) << g.n << ":" << g.m << " entry " << i;
    }
  }
}

// Of all patterns the one with the highest sum, tried one by one; few different scores, so that there are ties, of which the pattern that keeps the later
// entries wins.
TEST(Nm, IsTheBestPatternOfAll) {
  Random random(5);
  for (const NM p : {NM{2, 4}, {1, 4}, {3, 4}, {4, 8}, {2, 8}, {1, 1}, {3, 3}})
    for (const bool ties : {false, true}) {
      const Shape shape{7, 3 * p.m};
      Tensor s = random.derive(p.str()).derive(static_cast<std::uint64_t>(ties)).uniform(shape, 0, ties ? 4 : 1, DType::f64);
      if (ties)
        for (double& v : s.mutable_data<double>()) v = std::floor(v);
      const Tensor mask = nm_mask("w", s, p);
      for (std::int64_t g = 0; g < shape.numel() / p.m; ++g) {
        std::uint32_t best = 0;
        double best_sum = -1;
        std::int64_t best_places = -1;
        for (std::uint32_t pattern = 0; pattern < 1u << p.m; ++pattern) {
          if (std::popcount(pattern) != p.n) continue;
          double sum = 0;
          for (std::int64_t i = 0; i < p.m; ++i)
            if (pattern >> i & 1) sum += s.at(g * p.m + i);
          if (sum > best_sum || (sum == best_sum && static_cast<std::int64_t>(pattern) > best_places)) best = pattern, best_sum = sum, best_places = pattern;
        }
        for (std::int64_t i = 0; i < p.m; ++i) ASSERT_EQ(mask.at(g * p.m + i), best >> i & 1) << p.str() << " group " << g << " entry " << i;
      }
      EXPECT_EQ(nm_conformity(mask, p), 1);
    }
}

TEST(Nm, WhatWasPrunedStaysSo) {
  const Tensor s = tensor({4., 3., 2., 1., 1., 2., 3., 4.}, {1, 8}), before = tensor<std::uint8_t>({0, 1, 1, 1, 1, 0, 0, 0}, {1, 8});
  EXPECT_EQ(nm_mask("w", s, {2, 4}, before).to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{0, 1, 1, 0, 1, 0, 0, 0}));
  EXPECT_EQ(nm_conformity(before, {2, 4}), 0.5);
  EXPECT_EQ(nm_conformity(before, {3, 4}), 1);
  EXPECT_EQ(nm_conformity(tensor({0., -1., 2., 0., 1., 1., 1., 0.}, {2, 4}), {2, 4}), 0.5);
}

TEST(Nm, Refusals) {
  for (const char* text : {"", "2", "2:", ":4", "0:4", "5:4", "2:65", "2:4:8", "-1:4", "a:4", "2 :4", "200:4"}) EXPECT_TRUE(refuses([&] { nm(text); }, {text, "N:M"}));
  EXPECT_EQ(nm("2:4"), (NM{2, 4}));
  EXPECT_EQ(nm("16:64").str(), "16:64");
  EXPECT_TRUE(refuses([] { nm_mask("fc1.weight", ones({3, 10}), {2, 4}); }, {"\"fc1.weight\" (3, 10)", "2:4", "10 is no multiple of 4"}));
  EXPECT_TRUE(refuses([] { nm_mask("b", ones({8}), {2, 4}); }, {"no input dimension"}));
  EXPECT_TRUE(refuses([] { nm_mask("w", ones({1, 4}), {2, 4}, ones({1, 4})); }, {"\"w\"", "u8"}));
  EXPECT_TRUE(refuses([] { nm_mask("w", tensor({1., std::nan(""), 2., 3.}, {1, 4}), {2, 4}); }, {"\"w\" at index 1 is NaN"}));
  EXPECT_NO_THROW(nm_mask("w", tensor({1., std::nan(""), 2., 3.}, {1, 4}), {2, 4}, tensor<std::uint8_t>({1, 0, 1, 1}, {1, 4})));
}

TEST(PruneNm, ByAMethodsScoreAndTheRestStaysDense) {
  nn::Sequential net;
  net.add<nn::Conv2d>("conv1", 3, 8, 3).add<nn::ReLU>("relu").add<nn::Conv2d>("conv2", 8, 4, 3).add<nn::Flatten>("flatten").add<nn::Linear>("fc", 16, 3);
  int k = 0;
  for (nn::Parameter* p : net.parameters()) p->set(wave(++k, p->shape()));
  const auto left = prune_nm(method("magnitude"), {.parameters = prunable(net)}, {2, 4});
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].parameter, "conv1.weight");
  EXPECT_EQ(left[0].why, "its input dimension 3 is no multiple of 4");
  EXPECT_FALSE(net.parameter("conv1.weight").is_masked());
  EXPECT_EQ(net.parameter("conv2.weight").density(), 0.5);
  EXPECT_EQ(nm_conformity(net.parameter("fc.weight").mask(), {2, 4}), 1);
  EXPECT_TRUE(refuses([&] { prune_nm(method("obs"), {.parameters = prunable(net)}, {2, 4}); }, {"obs", "moves weights"}));
  EXPECT_TRUE(refuses([&] { prune_nm(method("magnitude"), {.parameters = {&net.parameter("conv1.weight")}}, {2, 4}); }, {"none of 1", "3 is no multiple of 4"}));
  net.parameter("fc.weight").pack();
  EXPECT_TRUE(refuses([&] { prune_nm(method("magnitude"), {.parameters = prunable(net)}, {2, 4}); }, {"\"fc.weight\" is packed"}));
}

// Five steps of one 1 x 8 weight under L = Σ (w~ - t)²/2 with SGD, once by hand: dL/dw~ = w~ - t for every entry, λ w for those that are out.
TEST(SrSte, IsTheTrainingByHand) {
  const double lambda = 0.3, rate = 0.2;
  nn::Parameter p("w", {1, 8}, DType::f64);
  const Tensor target = wave(7, {1, 8});
  p.set(wave(3, {1, 8}));
  std::vector<double> w = p.leaf().to_vector<double>();
  SrSte training({&p}, {2, 4}, lambda);
  nn::SGD sgd({&p});
  int changes = 0;
  std::vector<bool> last;
  for (int t = 0; t < 30; ++t) {
    training.before_step(t);
    std::vector<bool> in(8);
    for (int g = 0; g < 2; ++g)
      for (int i = 0; i < 4; ++i) {
        int larger = 0;
        for (int j = 0; j < 4; ++j) larger += std::abs(w[4 * g + j]) > std::abs(w[4 * g + i]);
        in[4 * g + i] = larger < 2;
      }
    changes += t > 0 && in != last;
    last = in;
    const Tensor difference = p.value() - target;
    backward(sum(difference * difference) * 0.5);
    training.after_backward(t);
    sgd.step(rate);
    for (int i = 0; i < 8; ++i) w[i] -= rate * ((in[i] ? w[i] : 0) - target.at(i) + (in[i] ? 0 : lambda * w[i]));
    for (int i = 0; i < 8; ++i) ASSERT_NEAR(p.leaf().at(i), w[i], 1e-12) << "step " << t << " entry " << i;
  }
  EXPECT_GT(changes, 0) << "no mask ever changed, so nothing was tested";
  training.finish();
  EXPECT_FALSE(p.soft_mask().defined());
  EXPECT_EQ(nm_conformity(p.mask(), {2, 4}), 1);
  EXPECT_EQ(p.kept(), 4);
}

TEST(SrSte, GoesOnFromTheWeightsAlone) {
  auto make = [] {
    auto net = std::make_unique<nn::Sequential>();
    net->add<nn::Linear>("fc1", 6, 8).add<nn::Tanh>("tanh1").add<nn::Linear>("fc2", 8, 3);
    net->to(DType::f64);
    int k = 0;
    for (nn::Parameter* p : net->parameters()) p->set(wave(++k, p->shape(), 0.5));
    return net;
  };
  auto whole = make(), parts = make();
  nn::SGD a(whole->parameters()), b(parts->parameters());
  SrSte one({&whole->parameter("fc2.weight")}, {1, 4});
  train_with(*whole, a, one, 0, 9, 0.1);
  one.finish();
  {
    SrSte first({&parts->parameter("fc2.weight")}, {1, 4});
    train_with(*parts, b, first, 0, 4, 0.1);
    parts->parameter("fc2.weight").set_soft_mask({});
  }
  SrSte second({&parts->parameter("fc2.weight")}, {1, 4});
  train_with(*parts, b, second, 4, 9, 0.1);
  second.finish();
  for (nn::Parameter* p : whole->parameters()) EXPECT_TRUE(same_bits(p->leaf(), parts->parameter(p->name()).leaf())) << p->name();
}

TEST(SrSte, Refusals) {
  nn::Parameter odd("odd", {2, 6}), w("w", {2, 8});
  EXPECT_TRUE(refuses([&] { SrSte({}, {2, 4}); }, {"no weights"}));
  EXPECT_TRUE(refuses([&] { SrSte({&odd}, {2, 4}); }, {"\"odd\"", "6 is no multiple of 4"}));
  EXPECT_TRUE(refuses([&] { SrSte({&w}, {2, 4}, -1); }, {"lambda -1"}));
  EXPECT_TRUE(refuses([&] { SrSte({&w}, {2, 4}, std::nan("")); }, {"lambda"}));
  w.set_mask(ones({2, 8}, DType::u8));
  EXPECT_TRUE(refuses([&] { SrSte({&w}, {2, 4}); }, {"\"w\"", "pruned already"}));
}

}  // namespace
}  // namespace bonsai::prune
