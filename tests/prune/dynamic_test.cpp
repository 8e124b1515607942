// SET and RigL: when connections move, how many, which go and which come, and that nothing else changes.
#include "prune/schedules/dynamic/dynamic.h"

#include <algorithm>
#include <limits>

#include "tests/prune/during_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;
using Places = std::vector<std::int64_t>;

// The k places that a stable sort by `key`, ascending, puts first.
Places first_k(Places places, std::size_t k, const std::function<double(std::int64_t)>& key) {
  std::stable_sort(places.begin(), places.end(), [&](std::int64_t a, std::int64_t b) { return key(a) < key(b); });
  places.resize(k);
  std::sort(places.begin(), places.end());
  return places;
}
Places where_equal(const Tensor& mask, double value) {
  Places places;
  for (std::int64_t i = 0; i < mask.numel(); ++i)
    if (mask.at(i) == value) places.push_back(i);
  return places;
}
Places minus(Places a, const Places& b) {
  std::erase_if(a, [&](std::int64_t i) { return std::find(b.begin(), b.end(), i) != b.end(); });
  return a;
}

TEST(Dynamic, MovesEveryDtStepsUntilTheEnd) {
  const Dynamic d{.every = 7, .end = 28};
  Places due;
  for (std::int64_t t = 0; t < 100; ++t)
    if (d.due(t)) due.push_back(t);
  EXPECT_EQ(due, (Places{7, 14, 21}));
}

TEST(Dynamic, TheFractionFallsAsHalfACosine) {
  const Dynamic d{.alpha = 0.4, .end = 600};
  const double root = std::sqrt(3.0);  // cos(π/6) = √3/2, cos(π/3) = 1/2
  const std::pair<std::int64_t, double> known[] = {{0, 0.4}, {100, 0.2 * (1 + root / 2)}, {200, 0.3}, {300, 0.2}, {400, 0.1}, {500, 0.2 * (1 - root / 2)}, {600, 0}};
  for (auto [t, f] : known) EXPECT_NEAR(d.drop_fraction(t), f, 1e-15) << t;
}

template <class T>
void check_moves(std::uint64_t seed) {
  Random random(seed);
  const DType t = dtype_of<T>();
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<std::int64_t>(1 + random.below(60));
    Tensor w = random.normal({n}, 0, 1, t), g = random.normal({n}, 0, 1, t);
    if (round % 2)  // ties
      for (T& x : w.mutable_data<T>()) x = std::round(2 * x);
    if (round % 3)
      for (T& x : g.mutable_data<T>()) x = std::abs(std::round(x));
    const Tensor mask = mask_of({n}, [&](std::int64_t) { return random.below(3) == 0; });
    const Places kept = where_equal(mask, 1), closed = where_equal(mask, 0);
    const std::size_t k = random.below(kept.size() + 1);
    const Move move = drop_and_grow("w", w, mask, g, static_cast<std::int64_t>(k));
    const Places dropped = first_k(kept, k, [&](std::int64_t i) { return std::abs(w.at(i)); });
    EXPECT_EQ(where_equal(move.kept, 1), minus(kept, dropped)) << round;
    Places pool = closed;
    pool.insert(pool.end(), dropped.begin(), dropped.end());
    std::sort(pool.begin(), pool.end());
    EXPECT_EQ(where_equal(move.grown, 1), first_k(pool, k, [&](std::int64_t i) { return -g.at(i); })) << round;
  }
}
TEST(DropAndGrow, IsTwoStableSortsInF32) { check_moves<float>(1); }
TEST(DropAndGrow, IsTwoStableSortsInF64) { check_moves<double>(2); }

// RigL, with every optimizer: at each move the smallest weights go and the largest dense gradients come, found here by sorting the gradient
// of a dense twin; grown weights are 0 with state 0, all others keep value and state to the bit, and no layer's count ever changes.
TEST(RigL, MovesWhatItSaysAndNothingElse) {
  for (const NamedOptimizer& o : every_optimizer) {
    auto net = sparse_net();
    auto optimizer = o.make(net->parameters());
    const auto weights = prunable(*net);
    DynamicSparse during(*net, weights, {.alpha = 0.5, .every = 4, .end = 30, .growth = Growth::gradient}, batch_at, Random(1));
    int moves = 0, back = 0;
    for (std::int64_t t = 0; t < 40; ++t) {
      const bool due = t == 4 || t == 8 || t == 12 || t == 16 || t == 20 || t == 24 || t == 28;
      auto dense = three_layers();
      rewind(dense->parameters(), snapshot(net->parameters()));
      backward(cross_entropy((*dense)(batch_at(t).inputs), batch_at(t).labels));
      const auto values = snapshot(weights);
      std::vector<Tensor> masks;
      std::vector<std::vector<Tensor>> state;
      for (const nn::Parameter* p : weights) masks.push_back(clone(p->mask())), state.push_back(clones(optimizer->state(), p->name()));

      during.before_step(t);
      for (std::size_t l = 0; l < weights.size(); ++l) {
        const nn::Parameter& p = *weights[l];
        const Places kept = where_equal(masks[l], 1);
        const std::size_t k = !due || l == 2 ? 0 : static_cast<std::size_t>(std::nearbyint(0.25 * (1 + std::cos(M_PI * static_cast<double>(t) / 30)) * static_cast<double>(kept.size())));
        const Places dropped = first_k(kept, k, [&](std::int64_t i) { return std::abs(values[l].at(i)); });
        Places pool = where_equal(masks[l], 0);
        pool.insert(pool.end(), dropped.begin(), dropped.end());
        std::sort(pool.begin(), pool.end());
        const Tensor g = prunable(*dense)[l]->gradient();
        const Places grown = first_k(pool, k, [&](std::int64_t i) { return -std::abs(g.at(i)); });
        Places now = minus(kept, dropped);
        now.insert(now.end(), grown.begin(), grown.end());
        std::sort(now.begin(), now.end());
        EXPECT_EQ(where_equal(p.mask(), 1), now) << o.name << " step " << t << " layer " << l;
        EXPECT_EQ(now.size(), (std::vector<std::size_t>{20, 15, 15})[l]);
        const auto after = clones(optimizer->state(), p.name());
        ASSERT_EQ(after.size(), state[l].size());
        const Places stayed = minus(kept, dropped);
        for (std::int64_t i = 0; i < p.numel(); ++i) {
          const bool same = std::find(stayed.begin(), stayed.end(), i) != stayed.end();
          EXPECT_EQ(p.leaf().at(i), same ? values[l].at(i) : 0) << o.name << " step " << t << " layer " << l << " entry " << i;
          for (std::size_t s = 0; s < after.size(); ++s)
            EXPECT_EQ(after[s].at(i), same ? state[l][s].at(i) : 0) << o.name << " step " << t << " layer " << l << " entry " << i;
        }
        moves += static_cast<int>(k);
        for (const std::int64_t i : grown) back += std::find(dropped.begin(), dropped.end(), i) != dropped.end();
      }
      During nothing;
      train_with(*net, *optimizer, nothing, t, t + 1, o.rate);
    }
    EXPECT_GT(moves, 20) << o.name;
    EXPECT_GT(back, 0) << o.name;  // some came back where they were dropped, and started at 0
  }
}

// The first step after a move, by the rule of gradient descent with momentum in plain numbers: an old weight has its old velocity in it,
// a grown one none.
TEST(RigL, TheStepAfterAMoveUsesTheSurvivorsMomentum) {
  auto net = sparse_net();
  const auto weights = prunable(*net);
  nn::SGD optimizer(net->parameters(), {.momentum = 0.9});
  DynamicSparse during(*net, weights, {.alpha = 0.5, .every = 5, .end = 100}, batch_at, Random(1));
  train_with(*net, optimizer, during, 0, 5, 0.1);
  std::vector<Tensor> velocity, values;
  for (const nn::Parameter* p : weights) velocity.push_back(clones(optimizer.state(), p->name())[0]), values.push_back(clone(p->leaf().detach()));
  std::vector<Tensor> before;
  for (const nn::Parameter* p : weights) before.push_back(clone(p->mask()));
  std::vector<Tensor> gradients;
  train_with(*net, optimizer, during, 5, 6, 0.1, [&](std::int64_t) {
    for (const nn::Parameter* p : weights) gradients.push_back(clone(p->gradient()));
  });
  int grown = 0;
  for (std::size_t l = 0; l < weights.size(); ++l)
    for (std::int64_t i = 0; i < weights[l]->numel(); ++i) {
      const bool kept = weights[l]->mask().at(i) != 0;
      const bool fresh = kept && values[l].at(i) != 0 && weights[l]->leaf().at(i) == -0.1 * gradients[l].at(i);
      const bool is_new = kept && (before[l].at(i) == 0 || fresh);
      grown += is_new;
      const double v = is_new ? gradients[l].at(i) : 0.9 * velocity[l].at(i) + gradients[l].at(i);
      EXPECT_NEAR(weights[l]->leaf().at(i), kept ? (is_new ? 0 : values[l].at(i)) - 0.1 * v : 0, 1e-15) << l << " " << i;
    }
  EXPECT_GE(grown, 10);
}

TEST(Set, GrowsAtRandomPlacesThatBelongToSeedNameAndStep) {
  auto grown_at = [](std::uint64_t seed, std::int64_t t) {
    auto net = sparse_net();
    const Tensor before = clone(net->parameter("fc1.weight").mask());
    DynamicSparse during(*net, prunable(*net), {.alpha = 0.5, .every = 1, .end = 1000, .growth = Growth::random}, {}, Random(seed));
    const auto values = snapshot(prunable(*net));
    during.before_step(t);
    const nn::Parameter& p = net->parameter("fc1.weight");
    const std::size_t k = static_cast<std::size_t>(count(Dynamic{.alpha = 0.5, .end = 1000}.drop_fraction(t), 20));
    const Places kept = where_equal(before, 1), stayed = minus(kept, first_k(kept, k, [&](std::int64_t i) { return std::abs(values[0].at(i)); }));
    EXPECT_EQ(p.kept(), 20);
    EXPECT_EQ(net->parameter("fc3.weight").kept(), 15);
    EXPECT_TRUE(same_bits(net->parameter("fc3.weight").leaf(), values[2]));  // dense: left alone
    const Places now = where_equal(p.mask(), 1), grown = minus(now, stayed);
    EXPECT_EQ(grown.size(), k);
    for (const std::int64_t i : stayed) EXPECT_EQ(p.leaf().at(i), values[0].at(i));
    for (const std::int64_t i : grown) EXPECT_EQ(p.leaf().at(i), 0);
    return grown;
  };
  EXPECT_EQ(grown_at(1, 1), grown_at(1, 1));
  EXPECT_NE(grown_at(1, 1), grown_at(2, 1));
  EXPECT_NE(grown_at(1, 1), grown_at(1, 2));
  // Every closed place is as likely as any other: 28 pruned and 10 dropped ones share 10 new connections.
  std::vector<int> times(48);
  const int draws = 2000;
  for (int seed = 0; seed < draws; ++seed)
    for (const std::int64_t i : grown_at(static_cast<std::uint64_t>(seed), 1)) ++times[static_cast<std::size_t>(i)];
  const double p = 10.0 / 38, deviation = std::sqrt(draws * p * (1 - p));
  EXPECT_EQ(std::count(times.begin(), times.end(), 0), 10);  // those that stayed
  for (const int n : times) EXPECT_TRUE(n == 0 || std::abs(n - draws * p) < 5 * deviation) << n;
}

// A network with dropout: the units that are dropped when the gradient is looked at are those of the step itself, so where a weight is kept
// the dense gradient is the step's own.
TEST(RigL, LooksAtTheStepsOwnGradient) {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 6, 40).add<nn::Tanh>("tanh").add<nn::Dropout>("drop", 0.5, Random(9)).add<nn::Linear>("fc2", 40, 3);
  net->to(DType::f64);
  int k = 0;
  for (nn::Parameter* p : net->parameters()) p->set(wave(++k, p->shape(), 0.5));
  nn::Parameter& w = net->parameter("fc1.weight");
  w.set_mask(random_masks({&w}, {60}, Random(4))[0]);
  DynamicSparse during(*net, {&w}, {.alpha = 0.5, .every = 3, .end = 100}, batch_at, Random(1));
  nn::SGD optimizer(net->parameters());
  for (std::int64_t t = 0; t < 13; ++t) {
    const Tensor mask = clone(w.mask()), values = clone(w.leaf().detach());
    during.before_step(t);
    if (t > 0 && t % 3 == 0) {
      // The same move by hand, with the gradient of this step's dropout.
      auto twin = std::make_unique<nn::Sequential>();
      twin->add<nn::Linear>("fc1", 6, 40).add<nn::Tanh>("tanh").add<nn::Dropout>("drop", 0.5, Random(9)).add<nn::Linear>("fc2", 40, 3);
      twin->to(DType::f64);
      rewind(twin->parameters(), snapshot(net->parameters()));
      twin->parameter("fc1.weight").set(values);
      twin->begin_step(t);
      backward(cross_entropy((*twin)(batch_at(t).inputs), batch_at(t).labels));
      const Move want = drop_and_grow("w", values, mask, abs(twin->parameter("fc1.weight").gradient()), count(0.25 * (1 + std::cos(M_PI * static_cast<double>(t) / 100)), 60));
      EXPECT_EQ(where_equal(w.mask(), 1), where_equal(not_equal(want.kept, want.grown), 1)) << t;
    }
    During nothing;
    train_with(*net, optimizer, nothing, t, t + 1, 0.1);
  }
}

TEST(DynamicSparse, CanBeTakenUpAnywhere) {
  for (const Growth growth : {Growth::random, Growth::gradient})
    for (const std::int64_t stop : {2, 3, 4, 8, 9})
      expect_resumable(start_masks(), [&](nn::Module& net) {
        return std::make_unique<DynamicSparse>(net, prunable(net), Dynamic{.alpha = 0.4, .every = 3, .end = 11, .growth = growth}, batch_at, Random(6));
      }, 14, stop);
}

TEST(DynamicSparse, RefusesWhatMakesNoSenseAndChangesNothing) {
  auto net = sparse_net(), dense = three_layers();
  auto make = [](nn::Sequential& of, Dynamic d, BatchSource batches) {
    return [&of, d, batches] { DynamicSparse(of, prunable(of), d, batches, Random(1)); };
  };
  EXPECT_TRUE(refuses(make(*net, {.alpha = 1.5}, batch_at), {"1.5", "between 0 and 1"}));
  EXPECT_TRUE(refuses(make(*net, {.alpha = std::nan("")}, batch_at), {"nan"}));
  EXPECT_TRUE(refuses(make(*net, {.every = 0}, batch_at), {"every 0"}));
  EXPECT_TRUE(refuses(make(*net, {}, {}), {"RigL", "batches"}));
  EXPECT_TRUE(refuses(make(*dense, {}, batch_at), {"nothing is pruned", "random_masks"}));
  auto packed = sparse_net();
  packed->parameter("fc2.weight").pack();
  EXPECT_TRUE(refuses(make(*packed, {}, batch_at), {"\"fc2.weight\"", "packed", "unpack()"}));

  DynamicSparse during(*net, prunable(*net), {.every = 1, .end = 10}, [](std::int64_t i) {
    Batch b = batch_at(i);
    b.inputs.mutable_data<double>()[3] = std::nan("");
    return b;
  }, Random(1));
  const auto values = snapshot(net->parameters());
  EXPECT_TRUE(refuses([&] { during.before_step(1); }, {"fc1.weight", "NaN"}));
  const auto masks = start_masks();
  for (std::size_t i = 0; i < masks.size(); ++i) {
    EXPECT_TRUE(same_bits(net->parameters()[i]->leaf(), values[i]));
    EXPECT_TRUE(!masks[i].defined() || same_bits(net->parameters()[i]->mask(), masks[i]));
  }
}

}  // namespace
}  // namespace bonsai::prune
