// Groups of entries: which entry belongs to which, sums against plain loops, and pruning steps that take groups whole.
#include "nn/networks.h"
#include "prune/registry.h"
#include "prune/scores/channel_norm.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

// The group of entry (o, i, k) of a weight (out, in, rest), the slow way.
std::int64_t slow_group(const Grouping& g, const Shape& s, std::int64_t o, std::int64_t i, std::int64_t k) {
  const std::int64_t rest = s.numel() / s[0] / s[1], columns = s[1] * rest;
  switch (g.kind) {
    case Granularity::weight: return (o * s[1] + i) * rest + k;
    case Granularity::filter: return o;
    case Granularity::input_channel: return i;
    case Granularity::head: return o / g.height;
    default: return o / g.height * ((columns + g.width - 1) / g.width) + (i * rest + k) / g.width;
  }
}

TEST(Granularity, GroupsAreThoseOfPlainLoops) {
  for (const Grouping& g : {Grouping{}, {Granularity::filter}, {Granularity::input_channel}, {Granularity::head, 2}, {Granularity::block, 2, 4}, {Granularity::block, 3, 5}})
    for (const Shape& s : {Shape{4, 6}, {6, 3, 2, 2}, {2, 1}, {8, 5, 3}})
      for (const DType t : {DType::f32, DType::f64}) {
        const Tensor scores = noise(3, s, 1, t);
        const Tensor mask = mask_of(s, [](std::int64_t i) { return i % 5 == 1 || i % 7 == 0; });
        const std::int64_t n = groups(g, s), rest = s.numel() / s[0] / s[1];
        std::vector<double> sums(n, 0);
        std::vector<std::uint8_t> alive(n, 0), keep(n), spread_out;
        for (std::int64_t k = 0; k < n; ++k) keep[k] = k % 2;
        for (std::int64_t o = 0, at = 0; o < s[0]; ++o)
          for (std::int64_t i = 0; i < s[1]; ++i)
            for (std::int64_t k = 0; k < rest; ++k, ++at) {
              const std::int64_t group = slow_group(g, s, o, i, k);
              ASSERT_LT(group, n);
              sums[group] += scores.at(at);
              alive[group] |= mask.at(at) != 0;
              spread_out.push_back(keep[group]);
            }
        EXPECT_EQ(pooled(g, scores).to_vector<double>(), sums) << name(g.kind) << " " << str(s);
        EXPECT_EQ(alive_groups(g, mask).to_vector<std::uint8_t>(), alive) << name(g.kind) << " " << str(s);
        EXPECT_EQ(spread(g, tensor(std::span<const std::uint8_t>(keep), {n}), s).to_vector<std::uint8_t>(), spread_out) << name(g.kind) << " " << str(s);
      }
}

TEST(Granularity, MagnitudeOverFiltersIsTheirL1Norm) {
  const Tensor w = noise(1, {5, 3, 2, 2}, 1, DType::f64);
  EXPECT_TRUE(close(pooled({Granularity::filter}, abs(w)), channel_norm(w, 1, 0), 1e-14));
  EXPECT_TRUE(close(pooled({Granularity::input_channel}, abs(w)), channel_norm(w, 1, 1), 1e-14));
}

TEST(Granularity, AStepTakesItsShareOfTheGroupsThatAreLeft) {
  Method filters = method("magnitude");
  filters.grouping = {Granularity::filter};
  auto net = nn::lenet5();
  fill(*net);
  const auto weights = prunable(*net);
  auto rows = [&](const nn::Parameter& p) { return sum(cast(alive_groups(filters.grouping, p.dense_mask()), DType::i64)).item(); };
  weights[0]->set_mask(mask_of(weights[0]->shape(), [](std::int64_t i) { return i % 3 != 0; }));
  const Tensor before = clone(weights[0]->mask());
  prune_step(filters, {.parameters = weights}, {0.5, 0.5, 0.5, 0.5});
  EXPECT_EQ(rows(*weights[0]), 10);
  EXPECT_EQ(rows(*weights[1]), 25);
  EXPECT_EQ(rows(*weights[2]), 250);
  EXPECT_EQ(rows(*weights[3]), 5);
  for (std::int64_t i = 0; i < before.numel(); ++i) EXPECT_LE(weights[0]->mask().at(i), before.at(i)) << "what was pruned stays so";
  for (const nn::Parameter* p : weights)
    if (p != weights[0]) {
      EXPECT_EQ(p->kept(), static_cast<std::int64_t>(rows(*p)) * p->numel() / p->shape()[0]) << "filters go whole";
    }
  prune_step(filters, {.parameters = weights}, {0.5, 0, 0, 0.2});
  EXPECT_EQ(rows(*weights[0]), 5);
  EXPECT_EQ(rows(*weights[1]), 25);
  EXPECT_EQ(rows(*weights[3]), 4);
  prune_to(filters, {.parameters = weights}, 0.9);
  EXPECT_EQ(rows(*weights[0]), 2);
  EXPECT_EQ(rows(*weights[2]), 50);
  EXPECT_EQ(rows(*weights[3]), 1);
  EXPECT_THROW(prune_step(filters, {.parameters = weights}, {0, 0, 0, 0.9}), EmptyLayer);
}

TEST(Granularity, RefusesWhatItCannotGroup) {
  EXPECT_TRUE(refuses([] { groups({Granularity::filter}, {5}); }, {"granularity filter", "(5)"}));
  EXPECT_TRUE(refuses([] { groups({Granularity::head, 4}, {6, 2}); }, {"4 rows a head", "(6, 2)"}));
  EXPECT_TRUE(refuses([] { groups({Granularity::block, 0, 4}, {6, 2}); }, {"0 x 4 is no size"}));
  EXPECT_TRUE(refuses([] { spread({Granularity::filter}, ones({3}, DType::u8), {4, 2}); }, {"does not fit the 4 groups"}));
  Method obs = method("obs");
  obs.grouping = {Granularity::filter};
  auto net = small_net();
  EXPECT_TRUE(refuses([&] { prune_step(obs, {.parameters = prunable(*net)}, {0.5}); }, {"\"obs\" moves weights"}));
}

}  // namespace
}  // namespace bonsai::prune
