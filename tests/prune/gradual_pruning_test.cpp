// Pruning along a ramp during training: how many, which, when, with what the score may look at, and what happens to the optimizer's state.
#include "prune/schedules/gradual_pruning.h"

#include <algorithm>
#include <limits>

#include "tests/prune/during_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

const Gradual ramp{.initial = 0.1, .final = 0.8, .start = 4, .every = 3, .times = 4};  // due at 4, 7, 10, 13, 16

ScoreInputs examples(nn::Module& net, std::int64_t t) {
  const Batch b = batch_at(1000 + t);
  return {.parameters = prunable(net), .random = Random(5), .net = &net, .inputs = b.inputs, .targets = b.labels};
}

std::vector<int> mask_bits(const nn::Parameter& p) {
  std::vector<int> bits;
  for (std::int64_t i = 0; i < p.numel(); ++i) bits.push_back(!p.is_masked() || p.mask().at(i) != 0);
  return bits;
}

// Where the ramp stands after update 0 .. 4; before the first there is nothing.
double cubic(std::int64_t t) {
  const std::int64_t update = t < 4 ? -1 : std::min<std::int64_t>(4, (t - 4) / 3);
  return update < 0 ? 0 : 0.8 - 0.7 * std::pow((4.0 - static_cast<double>(update)) / 4, 3);
}

// Magnitude, both scopes: at each due step those go that a sort of |w| puts first, so many that the count is exact; at others nothing does.
TEST(GradualPruning, RemovesTheSmallestSoThatCountsAreExact) {
  for (const char* name : {"magnitude", "magnitude-global"}) {
    auto net = three_layers();
    nn::SGD optimizer(net->parameters(), {.momentum = 0.9});
    const auto weights = prunable(*net);
    GradualPruning during(method(name), ramp, ScoreInputs{.parameters = weights});
    std::vector<std::vector<int>> kept;
    for (const nn::Parameter* p : weights) kept.push_back(mask_bits(*p));
    int updates = 0;
    for (std::int64_t t = 0; t < 25; ++t) {
      const std::vector<Tensor> values = snapshot(weights);
      if (t == 4 || t == 7 || t == 10 || t == 13 || t == 16) {
        ++updates;
        std::vector<std::tuple<double, std::size_t, std::size_t>> order;  // |w|, layer, index
        auto remove_until = [&](std::size_t n) {
          std::sort(order.begin(), order.end());
          const std::size_t target = n - static_cast<std::size_t>(std::nearbyint(cubic(t) * static_cast<double>(n)));
          for (std::size_t k = 0; order.size() > target + k; ++k) kept[std::get<1>(order[k])][std::get<2>(order[k])] = 0;
          order.clear();
        };
        std::size_t n = 0;
        for (std::size_t l = 0; l < weights.size(); ++l) {
          for (std::size_t i = 0; i < kept[l].size(); ++i)
            if (kept[l][i]) order.emplace_back(std::abs(values[l].at(static_cast<std::int64_t>(i))), l, i);
          n += kept[l].size();
          if (name == std::string("magnitude")) remove_until(n), n = 0;
        }
        if (n > 0) remove_until(n);
      }
      train_with(*net, optimizer, during, t, t + 1, 0.1);
      for (std::size_t l = 0; l < weights.size(); ++l) EXPECT_EQ(mask_bits(*weights[l]), kept[l]) << name << " step " << t << " layer " << l;
    }
    EXPECT_EQ(updates, 5);
    EXPECT_FALSE(net->parameter("fc1.bias").is_masked());
    during.finish();
  }
}

// Every method, with examples that change from update to update: exact counts in its own scope, and the bits of a twin that is pruned by hand
// (methods that move weights included). The examples are asked for when an update is due and not else.
TEST(GradualPruning, EveryMethodOfTheRegistryFollowsTheRamp) {
  for (const Method& m : methods()) {
    if (m.needs == Needs::training) continue;
    Gradual gentle = ramp;  // some of these scores would empty a layer of this little network at 80%
    gentle.final = 0.5;
    gentle.ramp = Ramp::linear;
    auto rising = [](std::int64_t t) { return t < 4 ? 0 : std::min(0.5, 0.1 * static_cast<double>(1 + (t - 4) / 3)); };
    auto net = three_layers(), twin = three_layers();
    nn::SGD optimizer(net->parameters()), twins(twin->parameters());
    std::vector<std::int64_t> asked;
    GradualPruning during(m, gentle, [&](std::int64_t t) {
      asked.push_back(t);
      return examples(*net, t);
    });
    GradualPruning nothing(m, {.final = 0.5, .start = 1'000'000}, ScoreInputs{});
    std::vector<Tensor> before;
    for (std::int64_t t = 0; t < 20; ++t) {
      train_with(*net, optimizer, during, t, t + 1, 0.05, [&](std::int64_t) {
        std::int64_t n = 0, kept = 0;
        for (const nn::Parameter* p : prunable(*net)) {
          const std::int64_t want = p->numel() - count(rising(t), p->numel());
          EXPECT_TRUE(m.scope == Scope::global || p->kept() == want) << m.name << " step " << t;
          n += p->numel(), kept += p->kept();
        }
        EXPECT_TRUE(m.scope == Scope::layer || kept == n - count(rising(t), n)) << m.name << " step " << t;
      });
      // The twin is pruned by hand, with what the function handed over for this step.
      if (gentle.due(t)) prune_to(m, examples(*twin, t), gentle.sparsity(t));
      train_with(*twin, twins, nothing, t, t + 1, 0.05);
      for (std::size_t i = 0; i < net->parameters().size(); ++i)
        ASSERT_TRUE(same_bits(net->parameters()[i]->leaf(), twin->parameters()[i]->leaf())) << m.name << " step " << t;
    }
    EXPECT_EQ(asked, (std::vector<std::int64_t>{4, 7, 10, 13, 16})) << m.name;
    during.finish();
  }
}

TEST(GradualPruning, ASparsityOfZeroMasksNothing) {
  auto net = three_layers();
  GradualPruning during(method("magnitude"), {.final = 0.5, .start = 2, .every = 2, .times = 2}, ScoreInputs{.parameters = prunable(*net)});
  for (std::int64_t t = 0; t < 4; ++t) during.before_step(t);
  EXPECT_FALSE(net->parameter("fc1.weight").is_masked());
  during.before_step(4);
  EXPECT_TRUE(net->parameter("fc1.weight").is_masked());
}

// What the optimizer has learned about the weights that stay it keeps; of those that go it forgets all.
TEST(GradualPruning, LeavesTheSurvivorsOptimizerStateAlone) {
  for (const NamedOptimizer& o : every_optimizer) {
    auto net = three_layers();
    auto optimizer = o.make(net->parameters());
    GradualPruning during(method("magnitude"), {.final = 0.6, .start = 0, .every = 5, .times = 1}, ScoreInputs{.parameters = prunable(*net)});
    train_with(*net, *optimizer, during, 0, 5, o.rate);
    for (const nn::Parameter* p : prunable(*net)) {
      const auto before = clones(optimizer->state(), p->name());
      during.before_step(5);
      const auto after = clones(optimizer->state(), p->name());
      ASSERT_EQ(before.size(), after.size());
      EXPECT_EQ(p->kept(), p->numel() - count(0.6, p->numel()));
      for (std::size_t s = 0; s < before.size(); ++s)
        for (std::int64_t i = 0; i < p->numel(); ++i) EXPECT_EQ(after[s].at(i), p->mask().at(i) ? before[s].at(i) : 0) << o.name << " " << p->name();
    }
  }
}

TEST(GradualPruning, CanBeTakenUpAnywhere) {
  for (const char* name : {"magnitude-global", "woodfisher"})
    for (const std::int64_t stop : {3, 4, 5, 10, 17})
      expect_resumable({}, [&](nn::Module& net) {
        return std::make_unique<GradualPruning>(method(name), ramp, [&net](std::int64_t t) { return examples(net, t); });
      }, 22, stop);
}

TEST(GradualPruning, RefusesWhatMakesNoSense) {
  auto net = three_layers();
  const ScoreInputs in{.parameters = prunable(*net)};
  auto make = [&](Gradual g) { return [&in, g] { GradualPruning(method("magnitude"), g, in); }; };
  EXPECT_TRUE(refuses(make({.final = 1}), {"1", "ends below 1"}));
  EXPECT_TRUE(refuses(make({.initial = 0.5, .final = 0.4}), {"0.5", "0.4"}));
  EXPECT_TRUE(refuses(make({.every = 0}), {"every 0 steps"}));
  EXPECT_TRUE(refuses(make({.times = 0}), {"0 updates"}));
  EXPECT_TRUE(refuses(make({.start = -5}), {"-5"}));
  EXPECT_TRUE(refuses([] { GradualPruning(method("taylor"), {}, GradualPruning::Inputs()); }, {"\"taylor\"", "ScoreInputs"}));

  GradualPruning without_examples(method("taylor"), {.final = 0.5, .start = 0, .every = 1, .times = 1}, in);
  without_examples.before_step(0);
  EXPECT_TRUE(refuses([&] { without_examples.before_step(1); }, {"\"taylor\"", "examples"}));
  EXPECT_FALSE(net->parameter("fc1.weight").is_masked());

  GradualPruning cut_short(method("magnitude"), ramp, in);
  EXPECT_TRUE(refuses([&] { cut_short.finish(); }, {"before step 16"}));
  for (std::int64_t t = 0; t < 16; ++t) cut_short.before_step(t);
  EXPECT_TRUE(refuses([&] { cut_short.finish(); }, {"step 15", "0.78", "0.8 before step 16"}));
  cut_short.before_step(16);
  EXPECT_NO_THROW(cut_short.finish());
}

}  // namespace
}  // namespace bonsai::prune
