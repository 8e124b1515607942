// The second-order methods as the registry runs them, against slow computations: loops that follow the 1990 recursion, matrices inverted
// whole, and losses measured after the weights have moved.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/derivatives.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "prune/registry.h"
#include "prune/scores/backpropagated_diagonal.h"
#include "prune/scores/hessian_diagonal.h"
#include "prune/scores/obs/inverse.h"
#include "prune/scores/obs/woodfisher.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

Tensor half_squares(const Tensor& outputs, const Tensor& targets) {  // ½ Σ over outputs, mean over examples
  return sum((outputs - targets) * (outputs - targets)) * (0.5 / static_cast<double>(outputs.size(0)));
}
Tensors leaves(const std::vector<nn::Parameter*>& parameters) {
  Tensors all;
  for (nn::Parameter* p : parameters) all.push_back(p->leaf());
  return all;
}

// ---- the 1990 diagonal

struct Chain {  // of layers with tanh between, f64
  nn::Sequential net;
  Tensor x, y;
  Tensors xs;
  explicit Chain(std::vector<std::int64_t> sizes, std::int64_t examples) {
    for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
      if (l > 0) net.add<nn::Tanh>(fmt::format("tanh{}", l));
      net.add<nn::Linear>(fmt::format("fc{}", l), sizes[l], sizes[l + 1]);
    }
    net.to(DType::f64);
    nn::initialize(net, {}, Random(3));
    x = Random(4).normal({examples, sizes[0]}, 0, 1, DType::f64);
    y = Random(5).normal({examples, sizes.back()}, 0, 1, DType::f64);
    xs = leaves(net.parameters());
  }
  Tensors diagonal(SecondOrder order) { return backpropagated_diagonal(net(x), half_squares, y, xs, order); }
};

TEST(Diagonal1990, IsExactInTheLastLayer) {
  Chain c({4, 5, 3}, 20);
  const Tensors exact = split(hessian_diagonal(half_squares(c.net(c.x), c.y), c.xs), c.xs);
  for (const SecondOrder order : {SecondOrder::full, SecondOrder::positive}) {
    const Tensors got = c.diagonal(order);
    EXPECT_TRUE(close(got[2], exact[2], 1e-12));
    EXPECT_TRUE(close(got[3], exact[3], 1e-12));
  }
}

// With one unit a layer nothing lies off the diagonal, however deep the chain.
TEST(Diagonal1990, IsExactEverywhereWhenLayersHaveOneUnit) {
  Chain c({1, 1, 1, 1, 1}, 7);
  const Tensors exact = split(hessian_diagonal(half_squares(c.net(c.x), c.y), c.xs), c.xs), got = c.diagonal(SecondOrder::full);
  for (std::size_t i = 0; i < c.xs.size(); ++i) EXPECT_TRUE(close(got[i], exact[i], 1e-10, 1e-13)) << i;
}

// The paper's formulas with loops, for a 4-5-3 network.
TEST(Diagonal1990, FollowsTheRecursion) {
  Chain c({4, 5, 3}, 6);
  for (const SecondOrder order : {SecondOrder::full, SecondOrder::positive}) {
    const Tensors got = c.diagonal(order);
    std::vector<double> w(20, 0), b(5, 0);
    for (int p = 0; p < 6; ++p) {
      double t[5], out[3];
      for (int j = 0; j < 5; ++j) {
        double a = c.xs[1].at(j);
        for (int i = 0; i < 4; ++i) a += c.xs[0].at(j * 4 + i) * c.x.at(p * 4 + i);
        t[j] = std::tanh(a);
      }
      for (int k = 0; k < 3; ++k) {
        out[k] = c.xs[3].at(k) - c.y.at(p * 3 + k);
        for (int j = 0; j < 5; ++j) out[k] += c.xs[2].at(k * 5 + j) * t[j];
      }
      for (int j = 0; j < 5; ++j) {
        double first = 0, second = 0;
        for (int k = 0; k < 3; ++k) {
          const double v = c.xs[2].at(k * 5 + j);
          first += v * out[k] / 6;
          second += v * v / 6;
        }
        const double slope = 1 - t[j] * t[j], bend = -2 * t[j] * slope;
        const double h = slope * slope * second + (order == SecondOrder::full ? bend * first : 0);
        for (int i = 0; i < 4; ++i) w[j * 4 + i] += h * c.x.at(p * 4 + i) * c.x.at(p * 4 + i);
        b[j] += h;
      }
    }
    EXPECT_TRUE(close(got[0], tensor(std::span<const double>(w), {5, 4}), 1e-11, 1e-14));
    EXPECT_TRUE(close(got[1], tensor(std::span<const double>(b), {5}), 1e-11, 1e-14));
  }
}

TEST(Diagonal1990, WithoutTheBendItIsNeverNegative) {
  auto net = small_net();
  const Tensors xs = leaves(net->parameters());
  double lowest = 1;
  for (const Tensor& d : backpropagated_diagonal((*net)(small_inputs()), cross_entropy, small_labels(), xs, SecondOrder::positive))
    for (std::int64_t i = 0; i < d.numel(); ++i) EXPECT_GE(d.at(i), 0);
  for (const Tensor& d : backpropagated_diagonal((*net)(small_inputs()), cross_entropy, small_labels(), xs, SecondOrder::full))
    for (std::int64_t i = 0; i < d.numel(); ++i) lowest = std::min(lowest, d.at(i));
  EXPECT_LT(lowest, 0);  // else the comparison says nothing
}

TEST(Diagonal1990, NamesAnOperationItDoesNotKnow) {
  Tensor w = ones({2, 3}, DType::f64).requires_grad(true);
  const Tensor y = softmax(linear(ones({4, 3}, DType::f64), w));
  EXPECT_TRUE(refuses([&] { backpropagated_diagonal(y, half_squares, zeros({4, 2}, DType::f64), {w}, SecondOrder::full); }, {"\"softmax\""}));
}

// ---- OBS on a linear network with squared error, whose loss is quadratic

struct LinearFit {
  nn::Sequential net;
  ScoreInputs in;
  explicit LinearFit(double decay) {
    net.add<nn::Linear>("fc", 6, 2);
    net.to(DType::f64);
    const Tensor mix = Random(1).normal({6, 6}, 0, 1, DType::f64), truth = Random(2).normal({2, 6}, 0, 1, DType::f64);
    const Tensor x = matmul(Random(3).normal({40, 6}, 0, 1, DType::f64), mix);  // inputs that go together
    const Tensor y = matmul(x, truth, {.b = true}) + tensor({9.0, -8.0}) + Random(4).normal({40, 2}, 0, 0.1, DType::f64);
    in = {.parameters = net.parameters(), .net = &net, .inputs = x, .targets = y, .loss = half_squares, .weight_decay = decay};
    minimise();
  }
  double loss() { return objective(in, "test").item(); }
  // Newton's step from anywhere is the minimum over the entries that are not pruned.
  void minimise() {
    const Tensors xs = leaves(in.parameters);
    const Tensor g = join(grad(objective(in, "test"), xs)), h = hessian(objective(in, "test"), xs);
    Tensor padded = clone(h);  // pruned entries: identity rows
    std::int64_t n = 0;
    for (const nn::Parameter* p : in.parameters)
      for (std::int64_t i = 0; i < p->numel(); ++i, ++n)
        if (p->is_masked() && p->mask().at(i) == 0) padded.mutable_data<double>()[n * (g.numel() + 1)] = 1;
    const Tensors step = split(solve(padded, g), xs);
    for (std::size_t i = 0; i < xs.size(); ++i) in.parameters[i]->set(xs[i].detach() - step[i]);
  }
};

TEST(ObsMethod, LeavesTheMinimumOverTheWeightsThatStay) {
  for (const char* name : {"obs", "obs-1993"}) {
    LinearFit fit(1e-3);
    for (int step = 0; step < 3; ++step) {  // three prunings, the later ones with weights gone already
      prune_step(method(name), fit.in, {0.2});
      const double after = fit.loss();
      const Tensor w = join(leaves(fit.in.parameters));
      fit.minimise();
      EXPECT_NEAR(after, fit.loss(), 1e-10 * after) << name;
      EXPECT_TRUE(close(join(leaves(fit.in.parameters)), w.detach(), 1e-7, 1e-9)) << name;
    }
    std::int64_t kept = 0;
    for (const nn::Parameter* p : fit.in.parameters) kept += p->kept();
    EXPECT_EQ(kept, 7) << name;  // 14 - 3 - 2 - 2
  }
}

// The order of deletions is greedy and exact: each takes the weight whose deletion, refitted, costs least.
TEST(ObsMethod, DeletesTheWeightWhoseRefittedLossIsLeast) {
  LinearFit fit(1e-3);
  const double before = fit.loss();
  std::vector<double> cost;
  for (std::size_t p = 0; p < 2; ++p)
    for (std::int64_t i = 0; i < fit.in.parameters[p]->numel(); ++i) {
      LinearFit other(1e-3);
      other.in.parameters[p]->set_mask(mask_of(other.in.parameters[p]->shape(), [&](std::int64_t k) { return k != i; }));
      other.minimise();
      cost.push_back(other.loss() - before);
    }
  const auto scores = method("obs").score(fit.in);
  std::size_t n = 0;
  for (const Tensor& s : scores)
    for (std::int64_t i = 0; i < s.numel(); ++i, ++n) EXPECT_NEAR(s.at(i), cost[n], 1e-9 * (1 + cost[n]));
  prune_step(method("obs"), fit.in, {1.0 / 14});
  const auto least = std::min_element(cost.begin(), cost.end()) - cost.begin();
  const nn::Parameter& p = *fit.in.parameters[least < 12 ? 0 : 1];
  ASSERT_TRUE(p.is_masked());
  EXPECT_EQ(p.mask().at(least < 12 ? least : least - 12), 0);
  EXPECT_NEAR(fit.loss() - before, cost[least], 1e-9);
}

TEST(ObsMethod, ASingularHessianIsDampedAndNothingIsNaN) {
  LinearFit fit(0);
  fit.in.inputs = zeros({40, 6}, DType::f64);  // every weight without influence
  prune_step(method("obs"), fit.in, {0.5});
  for (const nn::Parameter* p : fit.in.parameters)
    for (std::int64_t i = 0; i < p->numel(); ++i) EXPECT_TRUE(std::isfinite(p->leaf().at(i)));
}

TEST(ObsMethod, InfiniteWeightsAreNamedAndEverythingStays) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    LinearFit fit(1e-3);
    fit.in.parameters[0]->leaf().mutable_data<double>()[5] = bad;
    EXPECT_TRUE(refuses([&] { prune_step(method("obs"), fit.in, {0.5}); }, {"\"fc.weight\"", "index 5"}));
    EXPECT_FALSE(fit.in.parameters[0]->is_masked());
  }
}

// ---- WoodFisher

TEST(WoodFisher, BlocksAreTheInversesOfTheFisherMatrixBlocks) {
  auto net = small_net();
  const auto parameters = net->parameters();
  const Tensors xs = leaves(parameters);
  const Tensor g = per_example_gradients([&](const Tensor& x, const Tensor& y) { return cross_entropy((*net)(x), y); }, xs, small_inputs(), small_labels());
  const std::int64_t n = g.size(1);
  const Tensor fisher = matmul(g, g, {.a = true}) / 6.0 + eye(n) * 1e-2;
  for (const std::int64_t block : {std::int64_t{1}, std::int64_t{7}, std::int64_t{16}, n, n + 5}) {
    const BlockInverse f = fisher_inverse(n, 6, [&](std::int64_t k) { return reshape(slice(g, 0, k, k + 1), {n}); }, block, 1e-2);
    for (std::size_t b = 0; b < f.inverse.size(); ++b) {
      const std::int64_t begin = static_cast<std::int64_t>(b) * block, end = std::min(n, begin + block);
      EXPECT_TRUE(close(matmul(f.inverse[b], slice(slice(fisher, 0, begin, end), 1, begin, end)), eye(end - begin), 0, 1e-9));
    }
    // The registry's score of the same network.
    const auto scores = method("woodfisher").score({.parameters = parameters, .net = net.get(), .inputs = small_inputs(), .targets = small_labels(),
                                                    .fisher_block = block, .damping = 1e-2});
    const Tensor all = join(Tensors(scores.begin(), scores.end())), w = join(xs);
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t b = i / block, k = i % block, size = f.inverse[b].size(0);
      EXPECT_NEAR(all.at(i), w.at(i) * w.at(i) / (2 * f.inverse[b].at(k * (size + 1))), 1e-9 * (1 + all.at(i)));
    }
  }
}

TEST(WoodFisher, PrunesExactlyAsManyAndMovesTheOthers) {
  auto net = small_net(DType::f32);
  const auto weights = prunable(*net);
  const Tensor before = clone(weights[0]->leaf());
  const ScoreInputs in{.parameters = weights, .net = net.get(), .inputs = small_inputs(DType::f32), .targets = small_labels(), .fisher_block = 8};
  prune_step(method("woodfisher"), in, {0.4});
  EXPECT_EQ(weights[0]->kept() + weights[1]->kept(), 21);  // of 35
  int moved = 0;
  for (std::int64_t i = 0; i < before.numel(); ++i) moved += weights[0]->mask().at(i) != 0 && weights[0]->leaf().at(i) != before.at(i);
  EXPECT_GT(moved, 0);
  prune_step(method("woodfisher"), in, {0.4});
  EXPECT_EQ(weights[0]->kept() + weights[1]->kept(), 13);  // 21 - 8
}

// ---- all at once

TEST(PruneTo, ReachesTheSparsityInEveryMethodsOwnRounds) {
  for (const Method& m : methods()) {
    if (m.needs == Needs::training) continue;
    auto net = std::make_unique<nn::Sequential>();
    net->add<nn::Linear>("fc1", 12, 10).add<nn::Tanh>("tanh").add<nn::Linear>("fc2", 10, 4);
    nn::initialize(*net, {}, Random(1));
    const auto weights = prunable(*net);
    const Tensor before = clone(weights[0]->leaf());
    prune_to(m, {.parameters = weights, .net = net.get(), .inputs = Random(2).normal({30, 12}), .targets = labels(30, 4)}, 0.7);
    EXPECT_EQ(weights[0]->kept() + weights[1]->kept(), 48) << m.name;  // of 160
    EXPECT_EQ(weights[0]->leaf().dtype(), DType::f32) << m.name;
    for (std::int64_t i = 0; !m.operate && i < before.numel(); ++i)
      EXPECT_EQ(weights[0]->leaf().at(i), weights[0]->mask().at(i) != 0 ? before.at(i) : 0) << m.name;  // back from f64, bit for bit
  }
  auto net = small_net();
  EXPECT_TRUE(refuses([&] { prune_to(method("magnitude"), {.parameters = prunable(*net)}, 90); }, {"90", "did you mean 0.9?"}));
  EXPECT_TRUE(refuses([&] { prune_to(method("magnitude"), {.parameters = prunable(*net)}, 1); }, {"1"}));
  EXPECT_TRUE(refuses([&] { prune_to(method("magnitude"), {.parameters = prunable(*net)}, std::nan("")); }, {"nan"}));
}

}  // namespace
}  // namespace bonsai::prune
