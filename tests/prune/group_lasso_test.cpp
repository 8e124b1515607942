// Group lasso: the proximal step of each family against a minimisation that knows nothing of it, families one after the other against the step of their
// sum, and what happens to the groups of a training: which reach 0, that they stay there under momentum, and where training comes to rest.
#include "prune/structure/group_lasso.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "prune/structure/group_lasso_training.h"
#include "tests/prune/during_support.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

constexpr Groups families[] = {Groups::filters, Groups::channels, Groups::shapes, Groups::layer};

// The group of entry i of a weight (out, in, rest), the slow way.
std::size_t slow_group(Groups groups, const Shape& s, std::int64_t i) {
  const std::int64_t columns = s.numel() / s[0], rest = columns / s[1];
  return static_cast<std::size_t>(groups == Groups::filters ? i / columns : groups == Groups::channels ? i % columns / rest : groups == Groups::shapes ? i % columns : 0);
}

// Groups as lists of entries, each with its t.
struct Group {
  std::vector<std::size_t> entries;
  double t;
};
std::vector<Group> slow_groups(Groups groups, const Shape& s, double t, bool by_size, bool bias = false) {
  std::map<std::size_t, Group> all;
  for (std::int64_t i = 0; i < s.numel(); ++i) all[slow_group(groups, s, i)].entries.push_back(static_cast<std::size_t>(i));
  for (std::int64_t o = 0; bias && o < s[0]; ++o) all[groups == Groups::layer ? 0 : static_cast<std::size_t>(o)].entries.push_back(static_cast<std::size_t>(s.numel() + o));
  std::vector<Group> list;
  for (auto& [g, group] : all) group.t = by_size ? t * std::sqrt(static_cast<double>(group.entries.size())) : t, list.push_back(group);
  return list;
}

double norm(const std::vector<double>& u, const Group& g) {
  double total = 0;
  for (const std::size_t i : g.entries) total += u[i] * u[i];
  return std::sqrt(total);
}

// ½ ‖u - w‖² + Σ t_g ‖u_g‖
double objective(const std::vector<double>& u, const std::vector<double>& w, const std::vector<Group>& groups) {
  double total = 0;
  for (std::size_t i = 0; i < u.size(); ++i) total += 0.5 * (u[i] - w[i]) * (u[i] - w[i]);
  for (const Group& g : groups) total += g.t * norm(u, g);
  return total;
}

// Its minimum by brute force, of groups that overlap or do not: ‖u_g‖ <= (‖u_g‖² + n²) / 2n, with equality at n = ‖u_g‖, so minimise that bound at the
// norms of the last round, entry by entry, again and again. Every round lowers the objective; it ends where no round changes anything.
std::vector<double> slow_minimum(const std::vector<double>& w, const std::vector<Group>& groups) {
  std::vector<double> u = w;
  for (int round = 0; round < 200'000; ++round) {
    std::vector<double> pull(w.size(), 1.0);
    for (const Group& g : groups)
      for (const std::size_t i : g.entries) pull[i] += g.t / std::max(norm(u, g), 1e-14);
    double moved = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double next = w[i] / pull[i];
      moved = std::max(moved, std::abs(next - u[i]));
      u[i] = next;
    }
    if (moved < 1e-15) break;
  }
  return u;
}

double difference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::isnan(a[i] - b[i]) ? 1e300 : std::abs(a[i] - b[i]));
  return most;
}

std::vector<double> stepped(const Tensor& w, const std::vector<Penalty>& penalties, double eta) {
  Tensor u = clone(w);
  for (const Penalty& p : penalties) proximal_step(u, p, eta);
  return cast(u, DType::f64).to_vector<double>();
}

TEST(GroupLasso, AStepIsTheMinimumOfItsObjective) {
  for (const Shape& s : {Shape{4, 3, 2, 2}, {5, 4}, {1, 3, 2, 1}, {2, 1}})
    for (const Groups family : families)
      for (const bool by_size : {false, true})
        for (const DType t : {DType::f64, DType::f32}) {
          SCOPED_TRACE(fmt::format("{} {} {} {}", s, name(family), by_size, bonsai::name(t)));
          const Tensor w = noise(7, s, 1, t);
          const std::vector<double> values = cast(w, DType::f64).to_vector<double>();
          const std::vector<double> norms = group_norms("w", w, family);
          double previous = -1;
          for (const double share : {0.3, 0.97, 1.3}) {  // of the middle norm: some groups go, all but one, or none
            std::vector<double> sorted = norms;
            std::ranges::sort(sorted);
            const double size = static_cast<double>(s.numel()) / static_cast<double>(norms.size()), lambda = share * sorted[sorted.size() / 2] / (by_size ? std::sqrt(size) : 1);
            const std::vector<Group> groups = slow_groups(family, s, lambda, by_size);
            ASSERT_EQ(groups.size(), norms.size());
            const std::vector<double> u = stepped(w, {{family, 4 * lambda, by_size}}, 0.25);
            EXPECT_LE(difference(u, slow_minimum(values, groups)), t == DType::f64 ? 1e-11 : 1e-6);
            double penalty = 0, zeros = 0;
            for (std::size_t g = 0; g < groups.size(); ++g) {
              penalty += groups[g].t * norm(values, groups[g]);
              if (norm(u, groups[g]) == 0) ++zeros;
              EXPECT_EQ(norm(u, groups[g]) == 0, norms[g] <= groups[g].t) << g;  // 0, not nearly 0
            }
            EXPECT_NEAR(group_lasso(w, {family, lambda, by_size}), penalty, 1e-12 * penalty);
            EXPECT_GE(zeros, previous);
            previous = zeros;
          }
          EXPECT_GE(previous, 1);
        }
}

// The bias counts to its filter's group and to the layer's: to the norm, to its size, and it shrinks along.
TEST(GroupLasso, ABiasIsOneMoreWeightOfItsGroup) {
  const Shape s{4, 3, 2, 1};
  for (const Groups family : {Groups::filters, Groups::layer})
    for (const bool by_size : {false, true})
      for (const double t : {0.2, 0.6}) {
        Tensor w = noise(3, s), b = noise(4, {4}, 2);
        std::vector<double> all = w.to_vector<double>();
        for (const double v : b.to_vector<double>()) all.push_back(v);
        const std::vector<double> expected = slow_minimum(all, slow_groups(family, s, t, by_size, true));
        proximal_step(w, {family, 2 * t, by_size}, 0.5, b);
        std::vector<double> u = w.to_vector<double>();
        for (const double v : b.to_vector<double>()) u.push_back(v);
        EXPECT_LE(difference(u, expected), 1e-11) << name(family) << " " << by_size << " " << t;
      }
}

// The step of the sum of two families that overlap, filters and channels, has no formula. One after the other is near it, and the nearer the smaller
// the step: a quarter of the difference at half the step. At t = 0.2 it is below 0.6% of what the step changes, at 0.025 below 0.06%.
TEST(GroupLasso, FiltersThenChannelsAreNearTheStepOfTheirSum) {
  const Shape s{4, 3, 2, 2};
  for (const std::uint32_t seed : {1u, 2u, 3u}) {
    const Tensor w = noise(seed, s);
    const std::vector<double> values = w.to_vector<double>();
    double last = 0;
    for (const double t : {0.2, 0.1, 0.05, 0.025}) {
      std::vector<Group> groups = slow_groups(Groups::filters, s, t, false);
      for (const Group& g : slow_groups(Groups::channels, s, t, false)) groups.push_back(g);
      const std::vector<double> exact = slow_minimum(values, groups), ours = stepped(w, {{Groups::filters, 1}, {Groups::channels, 1}}, t);
      const double apart = difference(exact, ours), change = difference(exact, values);
      RecordProperty(fmt::format("seed{}_t{}", seed, t), fmt::format("apart {:.2e} of a change of {:.2e}", apart, change));
      EXPECT_GT(apart, 1e-6);  // they are not the same
      EXPECT_LT(apart, 0.025 * t * change);
      double penalty = 0, penalty_of_exact = 0;
      for (const Group& g : groups) penalty += norm(ours, g), penalty_of_exact += norm(exact, g);
      EXPECT_LT(penalty, penalty_of_exact);  // a little more shrinkage
      if (last > 0) {
        EXPECT_NEAR(last / apart, 4, 0.5);
      }
      last = apart;
      EXPECT_GE(objective(ours, values, groups), objective(exact, values, groups));
    }
  }
}

// Where one family's groups lie inside the other's, from small groups to large, one after the other is the step of the sum.
TEST(GroupLasso, FiltersThenLayerIsTheStepOfTheirSum) {
  const Shape s{4, 3, 2, 2};
  const Tensor w = noise(5, s);
  for (const double t : {0.3, 1.2}) {
    std::vector<Group> groups = slow_groups(Groups::filters, s, t, false);
    for (const Group& g : slow_groups(Groups::layer, s, t, false)) groups.push_back(g);
    EXPECT_LE(difference(stepped(w, {{Groups::filters, 1}, {Groups::layer, 1}}, t), slow_minimum(w.to_vector<double>(), groups)), 1e-10) << t;
  }
}

TEST(GroupLasso, ZeroGroupsAreThoseThatAreWhollyZero) {
  Tensor w = ones({3, 3, 2, 2}, DType::f32);
  auto at = [](std::int64_t o, std::int64_t c, std::int64_t k) { return static_cast<std::size_t>((o * 3 + c) * 4 + k); };
  const auto v = w.mutable_data<float>();
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t k = 0; k < 4; ++k) v[at(1, c, k)] = k == 0 ? -0.0f : 0.0f;  // a filter, with a 0 that has a sign
  for (std::int64_t o = 0; o < 3; ++o) v[at(o, 0, 2)] = 0;                       // a place of the shape
  for (std::int64_t o = 0; o < 3; ++o)
    for (std::int64_t k = 0; k < 4; ++k) v[at(o, 2, k)] = 0;  // a channel
  v[at(0, 1, 3)] = 0;                                         // a lone 0, which stays
  const ZeroGroups zero = zero_groups(w);
  EXPECT_EQ(zero.filters, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(zero.channels, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(zero.shapes, (std::vector<std::int64_t>{2, 8, 9, 10, 11}));
  for (std::int64_t o = 0; o < 3; ++o)
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t k = 0; k < 4; ++k)
        EXPECT_EQ(zero.mask.at(static_cast<std::int64_t>(at(o, c, k))) == 0, o == 1 || c == 2 || (c == 0 && k == 2)) << o << c << k;
  v[at(1, 0, 0)] = std::numeric_limits<float>::quiet_NaN();  // which is not 0
  EXPECT_TRUE(zero_groups(w).filters.empty());
}

// --- in a training ---

// One linear layer 6 -> 4 on batches whose input 2 is always 0: no loss can hold that channel.
std::unique_ptr<nn::Sequential> one_layer() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc", 6, 4);
  net->to(DType::f64);
  net->parameter("fc.weight").set(noise(1, {4, 6}, 0.8));
  return net;
}
Batch always(std::int64_t) {
  Tensor x = noise(9, {32, 6});
  for (std::int64_t i = 0; i < 32; ++i) x.mutable_data<double>()[static_cast<std::size_t>(i * 6 + 2)] = 0;
  return {x, labels(32, 4)};
}
void train(nn::Module& net, nn::Optimizer& optimizer, During& during, std::int64_t first, std::int64_t last, double rate, const BatchSource& batches = always,
           const std::function<void(std::int64_t)>& see = {}) {
  nn::train(net, optimizer, batches, {.first = first, .iterations = last, .rate = nn::constant(rate)},
            {.before_step = [&](std::int64_t t) { during.before_step(t); },
             .after_update =
                 [&](std::int64_t t, double now) {
                   during.after_update(t, now);
                   if (see) see(t);
                 }});
}

TEST(GroupLassoTraining, WhatTheLossDoesNotHoldReachesZeroOnTimeAndStaysThere) {
  for (const double momentum : {0.0, 0.9}) {
    auto net = one_layer();
    nn::Parameter& w = net->parameter("fc.weight");
    nn::SGD optimizer(net->parameters(), {.momentum = momentum});
    const double rate = 0.1 * (1 - momentum), lambda = 0.02, length = group_norms("w", w.leaf(), Groups::channels)[2];
    GroupLasso during({{.weight = &w, .penalties = {{Groups::channels, lambda}}}}, {.momentum = momentum});
    const auto due = static_cast<std::int64_t>(std::ceil(length / (rate * lambda / (1 - momentum))));  // steps of one length each
    ASSERT_GT(due, 50);
    train(*net, optimizer, during, 0, due + 300, rate, always, [&](std::int64_t t) {
      const double now = group_norms("w", w.leaf(), Groups::channels)[2];
      if (t + 1 < due) {
        EXPECT_GT(now, 0) << t;
      } else {
        EXPECT_EQ(now, 0) << t;
      }
    });
    EXPECT_EQ(zero_groups(w).channels, (std::vector<std::int64_t>{2}));
    EXPECT_FALSE(w.is_masked());  // it might come back
    ASSERT_EQ(during.zeros().size(), 1u);
    EXPECT_EQ(during.zeros()[0].zero, 1);
    EXPECT_EQ(during.zeros()[0].size, 6);
    during.finish();
    EXPECT_EQ(w.kept(), 20);
    EXPECT_TRUE(net->parameter("fc.bias").kept() == 4);
  }
}

// Where training rests, 0 ∈ ∇L + λ ∂R: along a group that is left, the gradient is -λ w_g / ‖w_g‖; of one at 0 it is no longer than λ. With momentum as
// without: that is what the 1 / (1 - μ) is for.
TEST(GroupLassoTraining, RestsWhereTheLossAndThePenaltyAreInBalance) {
  for (const double momentum : {0.0, 0.9})
    for (const Groups family : {Groups::filters, Groups::channels, Groups::layer}) {
      SCOPED_TRACE(fmt::format("{} {}", momentum, name(family)));
      auto net = one_layer();
      nn::Parameter& w = net->parameter("fc.weight");
      nn::SGD optimizer(net->parameters(), {.momentum = momentum});
      const double lambda = family == Groups::layer ? 0.05 : 0.03;
      GroupLasso during({{.weight = &w, .penalties = {{family, lambda}}}}, {.momentum = momentum});
      train(*net, optimizer, during, 0, 6000, 0.5 * (1 - momentum));
      const Batch b = always(0);
      for (nn::Parameter* p : net->parameters()) p->leaf().clear_grad();
      backward(cross_entropy((*net)(b.inputs), b.labels));
      const std::vector<double> values = w.leaf().to_vector<double>(), gradient = w.gradient().to_vector<double>();
      int left = 0, gone = 0;
      for (const Group& g : slow_groups(family, w.shape(), lambda, false)) {
        const double length = norm(values, g);
        if (length == 0) {
          ++gone;
          EXPECT_LE(norm(gradient, g), lambda);
          continue;
        }
        ++left;
        for (const std::size_t i : g.entries) EXPECT_NEAR(gradient[i], -lambda * values[i] / length, 1e-9);
      }
      EXPECT_GT(left, 0);
      EXPECT_GE(gone, family == Groups::channels ? 1 : 0);  // input 2
      EXPECT_NEAR(during.penalty(), group_lasso(w.leaf(), {family, lambda}), 0);
    }
}

// A group at 0 comes back when the loss asks for it, and does not when it is frozen.
TEST(GroupLassoTraining, AFrozenGroupStaysAndAnotherMayComeBack) {
  auto later = [](std::int64_t t) {
    Batch b = always(t);
    for (std::int64_t i = 0; i < 32 && t >= 1000; ++i) b.inputs.mutable_data<double>()[static_cast<std::size_t>(i * 6 + 2)] = i % 4 == 0 ? 5 : -1;  // input 2 says which are of class 0
    return b;
  };
  for (const bool freeze : {false, true}) {
    auto net = one_layer();
    nn::Parameter& w = net->parameter("fc.weight");
    nn::SGD optimizer(net->parameters(), {.momentum = 0.9});
    GroupLasso during({{.weight = &w, .penalties = {{Groups::channels, 0.02}}}}, {.momentum = 0.9, .freeze = freeze});
    train(*net, optimizer, during, 0, 1000, 0.01, later);
    ASSERT_EQ(group_norms("w", w.leaf(), Groups::channels)[2], 0);
    EXPECT_EQ(w.is_masked(), freeze);
    train(*net, optimizer, during, 1000, 1200, 0.01, later);
    EXPECT_EQ(group_norms("w", w.leaf(), Groups::channels)[2] == 0, freeze);
  }
}

// The penalty ends before step `steps`: what is 0 is masked then, biases along with their filters, and the rest trains on as if alone.
TEST(GroupLassoTraining, AfterItsStepsZerosAreMaskedAndNothingPulls) {
  auto net = three_layers();
  nn::Parameter &w = net->parameter("fc1.weight"), &b = net->parameter("fc1.bias");
  for (std::int64_t f = 0; f < 3; ++f) {  // three short filters
    b.leaf().mutable_data<double>()[static_cast<std::size_t>(f)] *= 0.1;
    for (std::int64_t i = 0; i < 6; ++i) w.leaf().mutable_data<double>()[static_cast<std::size_t>(6 * f + i)] *= 0.1;
  }
  nn::SGD optimizer(net->parameters(), {});
  GroupLasso during({{.weight = &w, .penalties = {{Groups::filters, 0.008}}, .bias = &b}}, {.steps = 400});
  train_with(*net, optimizer, during, 0, 400, 0.2);
  const std::vector<std::int64_t> zero = zero_groups(w).filters;
  ASSERT_FALSE(zero.empty());
  ASSERT_LT(zero.size(), 8u);
  EXPECT_FALSE(w.is_masked());
  auto twin = three_layers();  // trains on from there with these filters pruned and no penalty
  Tensor rows = ones({8, 6}, DType::u8), biases = ones({8}, DType::u8);
  for (const std::int64_t f : zero) {
    biases.mutable_data<std::uint8_t>()[static_cast<std::size_t>(f)] = 0;
    for (std::int64_t i = 0; i < 6; ++i) rows.mutable_data<std::uint8_t>()[static_cast<std::size_t>(6 * f + i)] = 0;
  }
  twin->parameter("fc1.weight").set_mask(rows), twin->parameter("fc1.bias").set_mask(biases);
  rewind(twin->parameters(), snapshot(net->parameters()));
  nn::SGD twins(twin->parameters(), {});
  During nothing;
  train_with(*net, optimizer, during, 400, 800, 0.2);
  train_with(*twin, twins, nothing, 400, 800, 0.2);
  EXPECT_EQ(zero_groups(w).filters, zero);
  EXPECT_EQ(w.kept(), 48 - 6 * static_cast<std::int64_t>(zero.size()));
  EXPECT_EQ(b.kept(), 8 - static_cast<std::int64_t>(zero.size()));
  for (std::size_t i = 0; i < net->parameters().size(); ++i) EXPECT_TRUE(same_bits(net->parameters()[i]->leaf(), twin->parameters()[i]->leaf())) << i;
}

// A training that is stopped and taken up ends with the same bits, before and after the groups are masked.
TEST(GroupLassoTraining, IsTakenUpWhereItWas) {
  for (const GroupLassoOptions& o : {GroupLassoOptions{.momentum = 0.9}, {.freeze = true}, {.steps = 12}})
    for (const std::int64_t stop : {7, 12, 17})
      expect_resumable({}, [&](nn::Module& net) {
        std::vector<Penalised> layers;
        for (const char* layer : {"fc1", "fc2"})
          layers.push_back({.weight = &net.parameter(std::string(layer) + ".weight"),
                            .penalties = {{Groups::filters, 0.3}, {Groups::channels, 0.2, true}},
                            .bias = &net.parameter(std::string(layer) + ".bias")});
        return std::make_unique<GroupLasso>(layers, o);
      }, 24, stop);
}

TEST(GroupLasso, Refusals) {
  Tensor w = noise(1, {3, 2, 2, 2}), b = noise(2, {3});
  const std::vector<double> before = w.to_vector<double>();
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::filters, -1}, 0.1); }, {"λ must be 0 or more", "-1"}));
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::filters, std::nan("")}, 0.1); }, {"λ", "nan"}));
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::filters, 1}, -0.1); }, {"the step must be 0 or more", "-0.1"}));
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::channels, 1}, 0.1, b); }, {"bias", "channels"}));
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::filters, 1}, 0.1, noise(2, {2})); }, {"bias (2)", "it needs (3)"}));
  EXPECT_EQ(w.to_vector<double>(), before);
  EXPECT_TRUE(refuses([&] { group_norms("gamma", b, Groups::filters); }, {"gamma", "(3)", "no filters and channels"}));
  EXPECT_TRUE(refuses([&] { group_norms("w", ones({2, 0}, DType::f32), Groups::filters); }, {"no weights"}));
  w.mutable_data<double>()[9] = std::numeric_limits<double>::infinity();
  const std::vector<double> infinite = w.to_vector<double>();
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::filters, 1}, 0.1); }, {"filters 1", "inf"}));
  EXPECT_EQ(w.to_vector<double>(), infinite);
}

TEST(GroupLassoTraining, Refusals) {
  auto net = three_layers();
  nn::Parameter &w = net->parameter("fc1.weight"), &b = net->parameter("fc1.bias"), &last = net->parameter("fc3.weight");
  EXPECT_TRUE(refuses([&] { GroupLasso({}); }, {"no weights to penalise"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{.weight = &w, .penalties = {{Groups::filters, 1}}}}, {.momentum = 1}); }, {"momentum", "below 1"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{.weight = &w, .penalties = {{Groups::filters, 1}}}}, {.steps = -1}); }, {"-1 steps"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&w, {{Groups::filters, 1}}}, {&w, {{Groups::channels, 1}}}}); }, {"fc1.weight", "twice"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&w, {{Groups::filters, -1}}}}); }, {"λ"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&b, {{Groups::filters, 1}}}}); }, {"fc1.bias", "no filters"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&last, {{Groups::filters, 1}}, &b}}); }, {"bias", "it needs (3)"}));
  // A number that is not finite stops the training before anything has moved, be it the last layer's or a bias that only the second family sees.
  GroupLasso during({{&w, {{Groups::channels, 1}, {Groups::filters, 1}}, &b}, {&last, {{Groups::filters, 1}}}});
  const std::vector<double> before = w.leaf().to_vector<double>();
  for (nn::Parameter* bad : {&last, &b}) {
    const double kept = bad->leaf().at(1);
    bad->leaf().mutable_data<double>()[1] = std::nan("");
    EXPECT_TRUE(refuses([&] { during.after_update(0, 0.1); }, {bad == &last ? "fc3.weight" : "fc1.weight", "nan"}));
    EXPECT_EQ(w.leaf().to_vector<double>(), before) << bad->name();
    bad->leaf().mutable_data<double>()[1] = kept;
  }
  EXPECT_TRUE(refuses([&] { during.after_update(0, std::nan("")); }, {"the step must be 0 or more"}));
  last.set_soft_mask(ones(last.shape(), DType::u8));
  EXPECT_TRUE(refuses([&] { during.after_update(0, 0.1); }, {"fc3.weight", "soft mask"}));
  EXPECT_EQ(w.leaf().to_vector<double>(), before);
  w.pack();
  EXPECT_TRUE(refuses([&] { during.after_update(0, 0.1); }, {"fc1.weight", "packed"}));
}

}  // namespace
}  // namespace bonsai::prune
