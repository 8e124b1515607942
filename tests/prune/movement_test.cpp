// Movement pruning: what pruned weights must not do and must be able to; counts; stopping and going on; what it refuses.
#include <algorithm>

#include "prune/schedules/movement.h"
#include "tests/nn/optimizers_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

constexpr Gradual ramp{.initial = 0, .final = 0.7, .start = 2, .every = 1, .times = 6};

// A network, its movement and its optimizer, for as many steps as wanted.
struct Running {
  std::unique_ptr<nn::Sequential> net;
  Made optimizer;
  Movement movement;
  double rate;
  Running(const MovementOptions& o, const NamedOptimizer& by, DType type = DType::f64)
      : net(small_net(type)), optimizer(by.make(net->parameters())), movement(prunable(*net), o), rate(by.rate) {}
  void step(std::int64_t t) {
    movement.before_step(t);
    backward(cross_entropy((*net)(small_inputs(net->parameters()[0]->leaf().dtype())), small_labels()));
    movement.after_backward(t);
    optimizer->step(rate);
  }
};

const MovementOptions every_form[] = {
    {.ramp = ramp},
    {.ramp = ramp, .scope = Scope::layer},
    {.ramp = ramp, .rate = 30, .soft = true, .lambda = 0.15, .threshold = -0.5},
    {.by = By::magnitude, .ramp = ramp},
    {.by = By::random, .ramp = ramp, .random = Random(3)},
};

// Neither the gradient, nor weight decay, nor a momentum that was built up before moves what is pruned. That the optimizers would have
// moved it is seen beside it: what they left before it is put back.
TEST(Movement, HiddenWeightsStandStill) {
  for (const NamedOptimizer& by : every_optimizer)
    for (const MovementOptions& o : every_form) {
      Running run(o, by);
      std::vector<Tensor> before(2);
      int hidden = 0, would_have_moved = 0;
      for (int t = 0; t < 15; ++t) {
        std::vector<Tensor> masks_before, after;
        for (nn::Parameter* p : prunable(*run.net)) {
          masks_before.push_back(p->soft_mask());
          after.push_back(clone(p->leaf()));
        }
        run.movement.before_step(t);
        for (int k = 0; k < 2; ++k) {
          const nn::Parameter& p = *prunable(*run.net)[k];
          for (std::int64_t i = 0; before[k].defined() && i < p.numel(); ++i)
            if (masks_before[k].at(i) == 0) {
              ++hidden;
              would_have_moved += after[k].at(i) != before[k].at(i);
              EXPECT_EQ(p.leaf().at(i), before[k].at(i)) << by.name << ", step " << t << ", " << p.name() << " " << i;
            } else {
              EXPECT_EQ(p.leaf().at(i), after[k].at(i));
            }
          before[k] = clone(p.leaf());
        }
        run.step(t);  // (what is put back twice is there once)
      }
      EXPECT_GT(hidden, 30) << by.name;
      EXPECT_GT(would_have_moved, 20) << by.name;
    }
}

// S of a weight that the loss first pushes to 0 and then wants again; it comes back with the value it had, and is trained on.
TEST(Movement, APrunedWeightComesBack) {
  for (const NamedOptimizer& by : every_optimizer) {
    nn::Parameter w("w", {4}, DType::f64);
    w.set(tensor({2.0, 1.0, 1.0, 1.0}));
    Movement movement({&w}, {.ramp = {.final = 0.25, .start = 0, .every = 1, .times = 1}});
    auto optimizer = by.make({&w});
    double when_pruned = 0;
    for (int t = 0; t < 12; ++t) {
      movement.before_step(t);
      if (t == 1) when_pruned = w.leaf().at(0);
      EXPECT_EQ(w.soft_mask().at(0), t >= 1 && t <= 5 ? 0 : 1) << by.name << " " << t;
      EXPECT_TRUE(t < 1 || t > 6 || w.leaf().at(0) == when_pruned) << by.name << " " << t;
      EXPECT_EQ(w.value().at(0), w.soft_mask().at(0) * w.leaf().at(0));
      backward(sum(tensor({t < 4 ? 1.0 : -3.0, 0.01, 0.02, 0.03}) * w.value()));
      const Tensor dense = clone(w.gradient());
      movement.after_backward(t);
      for (int i = 0; i < 4; ++i) EXPECT_EQ(w.gradient().at(i), w.soft_mask().at(i) * dense.at(i));  // what the optimizer sees
      EXPECT_NE(dense.at(0), 0);
      optimizer->step(0.01);
    }
    EXPECT_NE(w.leaf().at(0), when_pruned) << by.name;
  }
}

// All scores equal (0) at the first steps: ties go by index, the earlier tensor first; and every count is the ramp's.
TEST(Movement, CountsAreExactAtEveryStep) {
  for (const MovementOptions& o : every_form) {
    if (o.soft) continue;
    Running run(o, every_optimizer[0]);
    const std::vector<nn::Parameter*> weights = prunable(*run.net);
    for (int t = 0; t < 12; ++t) {
      run.step(t);
      const double left = 1 - std::clamp((t - 2) / 6.0, 0.0, 1.0), sparsity = 0.7 * (1 - left * left * left);
      if (o.scope == Scope::global) {
        EXPECT_EQ(weights[0]->kept() + weights[1]->kept(), 35 - std::nearbyint(35 * sparsity)) << t;
      } else {
        EXPECT_EQ(weights[0]->kept(), 20 - std::nearbyint(20 * sparsity)) << t;
        EXPECT_EQ(weights[1]->kept(), 15 - std::nearbyint(15 * sparsity)) << t;
      }
    }
  }
  auto net = small_net();
  Movement ties(prunable(*net), {.ramp = {.initial = 0.6, .final = 0.6, .start = 0, .every = 1, .times = 1}, .scope = Scope::layer});
  ties.before_step(0);
  for (nn::Parameter* p : prunable(*net))
    for (std::int64_t i = 0; i < p->numel(); ++i) EXPECT_EQ(p->soft_mask().at(i), i >= p->numel() * 6 / 10) << p->name();
}

// Stopped after step 6 of 14, in the middle of the ramp, and taken up by other objects.
TEST(Movement, GoesOnWithTheSameBits) {
  for (const MovementOptions& o : every_form)
    for (const NamedOptimizer& by : every_optimizer) {
      Running whole(o, by, DType::f32), first(o, by, DType::f32), second(o, by, DType::f32);
      for (int t = 0; t < 14; ++t) whole.step(t);
      for (int t = 0; t < 6; ++t) first.step(t);
      for (std::size_t i = 0; i < 4; ++i) second.net->parameters()[i]->set(first.net->parameters()[i]->leaf());
      second.optimizer->load_state(first.optimizer->state());
      second.movement.load_state(first.movement.state());
      EXPECT_TRUE(same_bits((*second.net)(small_inputs(DType::f32)), (*first.net)(small_inputs(DType::f32)))) << by.name;
      for (int t = 6; t < 14; ++t) second.step(t);
      whole.movement.finish();
      second.movement.finish();
      for (std::size_t i = 0; i < 4; ++i)
        EXPECT_TRUE(same_bits(second.net->parameters()[i]->leaf(), whole.net->parameters()[i]->leaf())) << by.name;
      for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(same_bits(second.movement.scores()[i], whole.movement.scores()[i])) << by.name;
    }
}

TEST(Movement, FinishMakesTheLastMasksHard) {
  for (const MovementOptions& o : every_form) {
    Running run(o, every_optimizer[3]);
    for (int t = 0; t < 14; ++t) run.step(t);
    const Tensor before = (*run.net)(small_inputs());
    std::vector<Tensor> soft;
    for (nn::Parameter* p : prunable(*run.net)) soft.push_back(p->soft_mask());
    run.movement.finish();
    EXPECT_TRUE(same_bits((*run.net)(small_inputs()), before));
    std::int64_t kept = 0;
    for (int k = 0; k < 2; ++k) {
      nn::Parameter& p = *prunable(*run.net)[k];
      EXPECT_FALSE(p.soft_mask().defined());
      EXPECT_TRUE(same_bits(p.mask(), soft[k]));
      kept += p.kept();
      for (std::int64_t i = 0; i < p.numel(); ++i) EXPECT_TRUE(p.mask().at(i) == 1 || p.leaf().at(i) == 0);
    }
    EXPECT_LT(kept, 35);
  }
}

// What was pruned for good before stays so, and the share counts among the others: 10 of 20 and 15 are left, 0.6 of 25 go.
TEST(Movement, WhatWasPrunedBeforeStaysPruned) {
  Running run({.ramp = {.initial = 0, .final = 0.6, .start = 0, .every = 1, .times = 1}}, every_optimizer[1]);
  nn::Parameter& p = run.net->parameter("fc1.weight");
  p.set_mask(mask_of(p.shape(), [](std::int64_t i) { return i % 2 == 0; }));
  for (int t = 0; t < 6; ++t) {
    run.step(t);
    EXPECT_EQ(p.kept() + run.net->parameter("fc2.weight").kept(), t == 0 ? 25 : 10);
    for (std::int64_t i = 1; i < p.numel(); i += 2) EXPECT_TRUE(p.soft_mask().at(i) == 0 && p.leaf().at(i) == 0);
  }
  run.movement.finish();
  EXPECT_EQ(p.kept() + run.net->parameter("fc2.weight").kept(), 10);
}

// S > τ and not S >= τ, with τ = 0.1 in f32, which is a little more than 0.1 is.
TEST(Movement, AScoreAtTheThresholdGoes) {
  nn::Parameter w("w", {4});
  Movement movement({&w}, {.soft = true, .threshold = 0.1f});
  movement.load_state({{"movement.w.scores", tensor({0.1f, std::nextafter(0.1f, 1.f), std::nextafter(0.1f, 0.f), 1.f})}});
  movement.before_step(0);
  EXPECT_EQ(w.soft_mask().to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{0, 1, 0, 1}));
}

// A fine-tuning that only scores, and the registry's method after it: the lowest scores go, sorted here.
TEST(Movement, TheRegistryTakesItsScores) {
  Running run({.ramp = {.initial = 0, .final = 0, .start = 0, .every = 1, .times = 1}}, every_optimizer[0]);
  for (int t = 0; t < 10; ++t) run.step(t);
  run.movement.finish();
  std::vector<std::pair<double, int>> order;
  for (const Tensor& s : run.movement.scores())
    for (std::int64_t i = 0; i < s.numel(); ++i) order.emplace_back(s.at(i), order.size());
  std::sort(order.begin(), order.end());
  ScoreInputs in{.parameters = prunable(*run.net), .accumulated = run.movement.scores()};
  prune_to(method("movement"), in, 0.4);
  for (int r = 0; r < 35; ++r) {
    const auto [score, index] = order[r];
    EXPECT_EQ(in.parameters[index >= 20]->mask().at(index % 20), r >= 14) << "rank " << r;
  }
}

TEST(Movement, Refusals) {
  nn::Parameter w("w", {4}, DType::f64), twin("w", {4}, DType::f64), none("none", {0}, DType::f64), single("single", {1}, DType::f64);
  auto make = [&](std::vector<nn::Parameter*> p, MovementOptions o) { return [=] { Movement(p, o); }; };
  EXPECT_TRUE(refuses(make({}, {}), {"movement", "prunable(net)"}));
  EXPECT_TRUE(refuses(make({&w, &twin}, {}), {"\"w\"", "twice"}));
  EXPECT_TRUE(refuses(make({&none}, {}), {"\"none\"", "no weights"}));
  EXPECT_TRUE(refuses(make({&w}, {.rate = 0}), {"learning rate", "0"}));
  EXPECT_TRUE(refuses(make({&w}, {.rate = NAN}), {"learning rate"}));
  EXPECT_TRUE(refuses(make({&w}, {.ramp = {.initial = 0.5, .final = 0.2}}), {"0.5", "0.2"}));
  EXPECT_TRUE(refuses(make({&w}, {.by = By::magnitude, .soft = true}), {"movement", "threshold"}));
  EXPECT_TRUE(refuses(make({&w}, {.soft = true, .lambda = -1}), {"-1"}));
  EXPECT_TRUE(refuses(make({&w}, {.soft = true, .threshold = NAN}), {"threshold"}));
  EXPECT_TRUE(refuses(make({&w}, {.ramp = {.final = 0}, .soft = true}), {"final sparsity"}));

  Movement movement({&w, &single}, {.ramp = {.initial = 0.8, .final = 0.8, .start = 0, .every = 1, .times = 1}});
  EXPECT_TRUE(refuses([&] { movement.after_backward(0); }, {"\"w\"", "no gradient"}));
  EXPECT_TRUE(refuses([&] { movement.load_state({}); }, {"\"movement.w.scores\""}));
  const Tensor four = ones({4}, DType::f64), one = ones({1}, DType::f64);
  EXPECT_TRUE(refuses([&] { movement.load_state({{"movement.w.scores", one}}); }, {"\"movement.w.scores\"", "(1)", "(4)"}));
  EXPECT_TRUE(refuses(
      [&] {
        movement.load_state({{"movement.w.scores", four}, {"movement.single.scores", cast(one, DType::f32)}});
      },
      {"\"movement.single.scores\"", "f32", "f64"}));
  EXPECT_TRUE(refuses(
      [&] {
        movement.load_state({{"movement.w.scores", four}, {"movement.single.scores", one}, {"movement.w.soft_mask", ones({4}, DType::u8)}});
      },
      {"\"movement.w.hidden\""}));
  EXPECT_EQ(movement.scores()[0].at(0), 0);  // nothing was taken
  movement.load_state({{"movement.w.scores", four}, {"movement.single.scores", zeros({1}, DType::f64)}});
  EXPECT_TRUE(refuses([&] { movement.before_step(0); }, {"\"single\"", "no weight"}));
  EXPECT_FALSE(w.soft_mask().defined());
  movement.load_state({{"movement.w.scores", full({4}, NAN, DType::f64)}, {"movement.single.scores", one}});
  EXPECT_TRUE(refuses([&] { movement.before_step(0); }, {"\"w\"", "NaN"}));
}

}  // namespace
}  // namespace bonsai::prune
