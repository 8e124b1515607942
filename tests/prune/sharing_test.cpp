// Shared weights: gradients of centroids against central differences and against a network that looks its weights up, values tied through every optimizer, states.
#include "prune/compress/sharing.h"

#include <cmath>
#include <limits>

#include "tests/prune/during_support.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

// three_layers() in f32 with half of its weights gone.
std::unique_ptr<nn::Sequential> half() {
  auto net = three_layers();
  net->to(DType::f32);
  for (nn::Parameter* p : prunable(*net)) p->set_mask(cast(Random(11).derive(p->name()).bernoulli(p->shape(), 0.5), DType::u8));
  return net;
}

Batch small_batch(std::int64_t i) {
  const Batch b = batch_at(i);
  return {cast(b.inputs, DType::f32), b.labels};
}

std::vector<Sharing> all_weights(nn::Module& net, std::int64_t k) {
  std::vector<Sharing> all;
  for (nn::Parameter* p : prunable(net)) all.push_back({p, k});
  return all;
}

TEST(SharedWeights, ACentroidsGradientIsTheLossesSlope) {
  auto net = half();
  SharedWeights shared(all_weights(*net, 4));
  const Batch b = small_batch(1);
  auto loss = [&] { return cross_entropy((*net)(b.inputs), b.labels); };
  backward(loss());
  shared.after_backward(0);
  int seen = 0;
  for (nn::Parameter* p : prunable(*net)) {
    const Tensor g = p->gradient(), values = p->dense_values(), mask = p->mask();
    for (const float c : codebook(values)) {
      double slope = 0, told = std::numeric_limits<double>::quiet_NaN();
      for (const double sign : {1.0, -1.0}) {
        Tensor moved = clone(values);
        for (std::int64_t i = 0; i < values.numel(); ++i)
          if (mask.at(i) != 0 && values.data<float>()[i] == c) moved.mutable_data<float>()[i] = static_cast<float>(c + sign * 1e-2), told = g.at(i);
        p->set(moved);
        NoGrad off;
        slope += sign * loss().item() / 2e-2;
      }
      p->set(values);
      EXPECT_LE(std::abs(slope - told), 2e-3 + 2e-2 * std::abs(slope)) << p->name() << " " << c;
      for (std::int64_t i = 0; i < values.numel(); ++i) {
        if (mask.at(i) == 0) { EXPECT_EQ(g.at(i), 0); }
        else if (values.data<float>()[i] == c) { EXPECT_EQ(g.at(i), told); }  // all members the same
      }
      ++seen;
    }
  }
  EXPECT_GE(seen, 10);
}

// The same training with the centroids themselves as parameters: w = Σ_k c_k [i in cluster k], which autograd differentiates.
TEST(SharedWeights, TrainsAsIfTheCentroidsWereTheParameters) {
  nn::Parameter w("w", {6});
  w.set(tensor<float>({0.1f, 0.9f, 1.1f, -2, 0, 1}));
  w.set_mask(tensor<std::uint8_t>({1, 1, 1, 1, 0, 1}));
  const std::vector<int> of{1, 2, 2, 0, -1, 2};
  SharedWeights shared({{&w, 3}});
  std::vector<double> c{-2, 0.1f, 1};
  for (std::size_t i = 0; i < of.size(); ++i) ASSERT_LE(std::abs(w.leaf().at(static_cast<std::int64_t>(i)) - (of[i] < 0 ? 0 : c[static_cast<std::size_t>(of[i])])), 1e-6);
  const std::vector<double> x{0.5, -1, 2, 1, 3, 0.25};
  nn::SGD sgd({&w}, {.momentum = 0.9});
  std::vector<double> velocity(3, 0);
  for (int t = 0; t < 20; ++t) {
    // loss = (Σ w x - 1)² / 2
    std::vector<float> xf(x.begin(), x.end());
    const Tensor e = sum(w.value() * tensor(std::span<const float>(xf), {6})) - 1.0;
    backward(sum(e * e) * 0.5);
    shared.after_backward(t);
    sgd.step(0.01);
    shared.after_update(t, 0.01);
    double error = -1;
    for (std::size_t i = 0; i < of.size(); ++i)
      if (of[i] >= 0) error += c[static_cast<std::size_t>(of[i])] * x[i];
    std::vector<double> slope(3, 0);
    for (std::size_t i = 0; i < of.size(); ++i)
      if (of[i] >= 0) slope[static_cast<std::size_t>(of[i])] += error * x[i];
    for (std::size_t k = 0; k < 3; ++k) velocity[k] = 0.9 * velocity[k] + slope[k], c[k] -= 0.01 * velocity[k];
    for (std::size_t i = 0; i < of.size(); ++i) ASSERT_LE(std::abs(w.leaf().at(static_cast<std::int64_t>(i)) - (of[i] < 0 ? 0 : c[static_cast<std::size_t>(of[i])])), 1e-5) << t;
  }
}

TEST(SharedWeights, StayTiedThroughAnyOptimizerAndAreTakenUpAnywhere) {
  for (const bool adam : {true, false}) {
    auto make = [&](nn::Module& net) -> std::unique_ptr<nn::Optimizer> {
      if (adam) return std::make_unique<nn::Adam>(net.parameters(), nn::AdamOptions{.weight_decay = 1e-3});
      return std::make_unique<nn::SGD>(net.parameters(), nn::SgdOptions{.momentum = 0.9, .weight_decay = 1e-3});
    };
    auto step = [](nn::Module& net, nn::Optimizer& optimizer, During& during, std::int64_t t) {
      const Batch b = small_batch(t);
      backward(cross_entropy(net(b.inputs), b.labels));
      during.after_backward(t);
      optimizer.step(0.01);
      during.after_update(t, 0.01);
    };
    auto net = half();
    SharedWeights shared(all_weights(*net, 5));
    std::vector<Tensor> begun = snapshot(net->parameters());
    auto optimizer = make(*net);
    for (int t = 0; t < 15; ++t) step(*net, *optimizer, shared, t);
    // Who began with one value still has one value, and it has moved.
    std::size_t i = 0;
    for (nn::Parameter* p : net->parameters()) {
      const Tensor& was = begun[i++];
      if (p->shape().rank() < 2) continue;
      EXPECT_LE(codebook(p->dense_values()).size(), 5u);
      for (std::int64_t a = 0; a < p->numel(); ++a)
        for (std::int64_t b = 0; b < a; ++b)
          if (was.at(a) == was.at(b)) { EXPECT_EQ(p->dense_values().at(a), p->dense_values().at(b)); }
      EXPECT_NE(codebook(was), codebook(p->dense_values()));
    }
    // Another network takes it up, whose own clusters were others.
    auto other = half();
    for (nn::Parameter* p : prunable(*other)) p->set(Random(99).derive(p->name()).normal(p->shape()));
    SharedWeights taken(all_weights(*other, 3));
    rewind(other->parameters(), snapshot(net->parameters()));
    auto state = optimizer->state();
    for (auto& s : shared.state()) state.push_back(s);
    auto second = make(*other);
    second->load_state(state);
    taken.load_state(state);
    for (int t = 15; t < 25; ++t) step(*net, *optimizer, shared, t), step(*other, *second, taken, t);
    for (std::size_t k = 0; k < net->parameters().size(); ++k)
      EXPECT_EQ(net->parameters()[k]->dense_values().to_vector<float>(), other->parameters()[k]->dense_values().to_vector<float>());
  }
}

// An optimizer whose vector loop and tail differ in a last bit would part a cluster: its members take the first one's value.
TEST(SharedWeights, MembersThatPartAreBroughtTogether) {
  nn::Parameter w("w", {5});
  w.set(tensor<float>({1, 4, 1.5f, 4.5f, 9}));
  w.set_mask(tensor<std::uint8_t>({1, 1, 1, 1, 0}));
  SharedWeights shared({{&w, 2}});
  w.set(tensor<float>({1.25f, 4, std::nextafter(1.25f, 2.0f), std::nextafter(4.0f, 2.0f), 0}));
  shared.after_update(0, 0.1);
  EXPECT_EQ(w.leaf().to_vector<float>(), (std::vector<float>{1.25f, 4, 1.25f, 4, 0}));
}

TEST(SharedWeights, RefusesAndChangesNothing) {
  auto net = half();
  auto refused = [&](const std::vector<Sharing>& s, const std::vector<std::string>& says) {
    const std::vector<Tensor> was = snapshot(net->parameters());
    EXPECT_TRUE(refuses([&] { SharedWeights shared(s); }, says));
    for (std::size_t i = 0; i < was.size(); ++i) EXPECT_EQ(was[i].to_vector<float>(), net->parameters()[i]->dense_values().to_vector<float>());
  };
  const auto weights = prunable(*net);
  refused({{weights[0], 2}, {weights[1], 257}}, {weights[1]->name(), "257 clusters", "8 bits"});
  refused({{weights[0], 0}}, {weights[0]->name(), "0 clusters"});
  weights[1]->set_mask(zeros(weights[1]->shape(), DType::u8));
  refused({{weights[0], 2}, {weights[1], 1}}, {weights[1]->name(), "1 clusters for 0 kept weights"});
  weights[0]->pack();
  refused({{weights[0], 2}}, {weights[0]->name(), "unpack() it first"});
  weights[0]->unpack();
  SharedWeights shared({{weights[0], 2}});
  EXPECT_TRUE(refuses([&] { shared.load_state({}); }, {"shared." + weights[0]->name() + ".of"}));
  EXPECT_TRUE(refuses([&] { shared.load_state({{"shared." + weights[0]->name() + ".of", zeros({2}, DType::u8)}}); }, {weights[0]->name()}));
}

}  // namespace
}  // namespace bonsai::prune
