// Group lasso: the groups against slow loops, each family's step against brute-force minimisation, what two families one after the other miss
// of the exact step, and trainings: where they rest, with momentum and without, that zeros are zeros, stopping and going on, refusals.
#include <cmath>
#include <limits>

#include "prune/structure/group_lasso_training.h"
#include "tests/prune/during_support.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;
using Vector = std::vector<double>;

constexpr Groups families[] = {Groups::filters, Groups::channels, Groups::shapes, Groups::layer};

Tensor as_tensor(const Vector& v) { return tensor(std::span<const double>(v), {static_cast<std::int64_t>(v.size())}); }

// The group of entry (o, i, y, x), by the definition.
std::int64_t group_of(Groups g, const Shape& s, std::int64_t flat) {
  const std::int64_t place = s.rank() == 4 ? s[2] * s[3] : 1, o = flat / (s[1] * place), i = flat / place % s[1], yx = flat % place;
  return g == Groups::filters ? o : g == Groups::channels ? i : g == Groups::shapes ? i * place + yx : 0;
}
std::int64_t groups_in(Groups g, const Shape& s) {
  return g == Groups::filters ? s[0] : g == Groups::channels ? s[1] : g == Groups::shapes ? s.numel() / s[0] : 1;
}
Vector slow_norms(Groups g, const Tensor& w, const Tensor& bias = {}) {
  Vector squares(static_cast<std::size_t>(groups_in(g, w.shape())), 0.0);
  for (std::int64_t i = 0; i < w.numel(); ++i) squares[static_cast<std::size_t>(group_of(g, w.shape(), i))] += w.at(i) * w.at(i);
  for (std::int64_t o = 0; bias.defined() && o < bias.numel(); ++o) squares[g == Groups::layer ? 0 : static_cast<std::size_t>(o)] += bias.at(o) * bias.at(o);
  for (double& s : squares) s = std::sqrt(s);
  return squares;
}

TEST(GroupLasso, NormsAndPenaltyAreThoseOfTheDefinition) {
  for (const Shape& shape : {Shape{3, 4}, Shape{5, 2, 3, 2}, Shape{1, 1}, Shape{4, 1, 5, 5}})
    for (const DType type : {DType::f32, DType::f64})
      for (const Groups g : families)
        for (const bool with_bias : {false, true}) {
          if (with_bias && (g == Groups::channels || g == Groups::shapes)) continue;
          const Tensor w = wave(1, shape, 1, type), bias = with_bias ? wave(2, {shape[0]}, 1, type) : Tensor();
          const Vector norms = group_norms("w", w, g, bias), slow = slow_norms(g, w, bias);
          ASSERT_EQ(norms.size(), slow.size());
          double total = 0, weighted = 0;
          for (std::size_t k = 0; k < slow.size(); ++k) {
            EXPECT_NEAR(norms[k], slow[k], 1e-12);
            std::int64_t size = with_bias ? g == Groups::layer ? shape[0] : 1 : 0;
            for (std::int64_t i = 0; i < w.numel(); ++i) size += group_of(g, shape, i) == static_cast<std::int64_t>(k);
            total += 0.7 * slow[k];
            weighted += 0.7 * std::sqrt(static_cast<double>(size)) * slow[k];
          }
          EXPECT_NEAR(group_lasso(w, {g, 0.7}, bias), total, 1e-10);
          EXPECT_NEAR(group_lasso(w, {g, 0.7, true}, bias), weighted, 1e-10);
        }
}

// ½ ‖u - w‖² + t Σ ‖u_g‖ over all families.
double objective(const Vector& u, const Tensor& w, const std::vector<Groups>& all, double t) {
  double f = 0;
  for (std::size_t i = 0; i < u.size(); ++i) f += 0.5 * (u[i] - w.at(static_cast<std::int64_t>(i))) * (u[i] - w.at(static_cast<std::int64_t>(i)));
  for (const Groups g : all)
    for (const double n : slow_norms(g, reshape(as_tensor(u), w.shape()))) f += t * n;
  return f;
}
Vector after(const Tensor& w, const std::vector<Groups>& all, double t) {
  Tensor u = clone(w);
  for (const Groups g : all) proximal_step(u, {g, t}, 1);
  return u.to_vector<double>();
}
double distance(const Vector& a, const Vector& b) {
  double d = 0;
  for (std::size_t i = 0; i < a.size(); ++i) d += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(d);
}

// A search that knows nothing of groups: random directions, whatever is lower is taken, and the steps shrink. The objective is strongly convex
// (½ ‖u - u*‖² <= F(u) - F(u*)), so a value near the minimum is a point near it.
TEST(GroupLasso, AFamilysStepIsTheMinimum) {
  for (const Groups g : families) {
    const Tensor w = wave(3, {2, 2, 1, 2}, 1);
    const double t = 0.8;
    const Vector step = after(w, {g}, t);
    Vector u(8, 0.1);
    double lowest = objective(u, w, {g}, t);
    Random random(7);
    for (int i = 0; i < 60000; ++i) {
      const double radius = std::pow(10.0, -0.5 - 5.0 * i / 60000);
      Vector v = u;
      for (double& x : v) x += random.uniform() < 0.4 ? radius * random.normal() : 0;
      if (const double f = objective(v, w, {g}, t); f < lowest) lowest = f, u = v;
    }
    EXPECT_LE(objective(step, w, {g}, t), lowest + 1e-12) << name(g);
    EXPECT_LT(distance(u, step), 2e-3) << name(g);
  }
}

// The exact step for a sum of overlapping families, from the dual: u = w - Σ z_g, z_g within a ball of radius t on its group; each z_g in turn
// is the projection of what the others leave (Dykstra). `gap`: how far the objective is above the dual's lower bound, at the end.
Vector exact_step(const Tensor& w, const std::vector<Groups>& all, double t, double& gap) {
  const auto n = static_cast<std::size_t>(w.numel());
  Vector u = w.to_vector<double>();
  std::vector<std::vector<Vector>> z;  // family, group, entry
  for (const Groups g : all) z.emplace_back(static_cast<std::size_t>(groups_in(g, w.shape())), Vector(n, 0.0));
  for (int sweep = 0; sweep < 4000; ++sweep)
    for (std::size_t f = 0; f < all.size(); ++f)
      for (std::size_t k = 0; k < z[f].size(); ++k) {
        double norm = 0;
        for (std::size_t i = 0; i < n; ++i)
          if (group_of(all[f], w.shape(), static_cast<std::int64_t>(i)) == static_cast<std::int64_t>(k)) norm += std::pow(u[i] + z[f][k][i], 2);
        const double keep = std::sqrt(norm) <= t ? 1 : t / std::sqrt(norm);
        for (std::size_t i = 0; i < n; ++i)
          if (group_of(all[f], w.shape(), static_cast<std::int64_t>(i)) == static_cast<std::int64_t>(k)) {
            const double whole = u[i] + z[f][k][i];
            z[f][k][i] = keep * whole;
            u[i] = whole - z[f][k][i];
          }
      }
  double dual = 0;  // ½ ‖w‖² - ½ ‖w - Σ z‖²
  for (std::size_t i = 0; i < n; ++i) dual += 0.5 * (w.at(static_cast<std::int64_t>(i)) * w.at(static_cast<std::int64_t>(i)) - u[i] * u[i]);
  gap = objective(u, w, all, t) - dual;
  return u;
}

// Filters and channels together: one step after the other is not the minimum. By how much, on a weight (3, 3); and that the difference vanishes
// faster than the step.
TEST(GroupLasso, OverlappingFamiliesAreOnlyNearlyExact) {
  const Tensor w = wave(5, {3, 3}, 1);
  const std::vector<Groups> both{Groups::filters, Groups::channels};
  Vector relative;
  for (const double t : {0.4, 0.2, 0.1, 0.05}) {
    double gap = 0;
    const Vector exact = exact_step(w, both, t, gap), ours = after(w, both, t);
    ASSERT_LT(std::abs(gap), 1e-9) << t;  // it is the minimum
    const double above = objective(ours, w, both, t) - objective(exact, w, both, t);
    EXPECT_GT(above, 0) << t;
    relative.push_back(distance(ours, exact) / distance(exact, w.to_vector<double>()));
    RecordProperty(fmt::format("apart_at_{}", t), fmt::format("{:.4f}", relative.back()));
  }
  EXPECT_GT(relative[0], 0.01);
  EXPECT_LT(relative[0], 0.15);
  EXPECT_LT(relative[3], 0.03);
  for (std::size_t k = 1; k < relative.size(); ++k) EXPECT_LT(relative[k], 0.75 * relative[k - 1]) << k;
}

// Filters, then the layer that holds them: exact in this order, and not in the other.
TEST(GroupLasso, NestedFamiliesComposeFromSmallToLarge) {
  const Tensor w = wave(5, {3, 3}, 1);
  const std::vector<Groups> nested{Groups::filters, Groups::layer}, reversed{Groups::layer, Groups::filters};
  double gap = 0;
  const Vector exact = exact_step(w, nested, 0.5, gap);
  ASSERT_LT(std::abs(gap), 1e-9);
  EXPECT_LT(distance(after(w, nested, 0.5), exact), 1e-6);
  EXPECT_GT(distance(after(w, reversed, 0.5), exact), 1e-3);
}

TEST(GroupLasso, ABiasLeavesWithItsFilter) {
  Tensor w = reshape(as_tensor(Vector{0.3, 0, 0, 3}), {2, 2}), bias = as_tensor(Vector{0.4, 4});
  proximal_step(w, {Groups::filters, 1}, 0.5, bias);
  EXPECT_EQ(w.to_vector<double>(), (Vector{0, 0, 0, 3 * 0.9}));
  EXPECT_EQ(bias.to_vector<double>(), (Vector{0, 4 * 0.9}));
  Tensor layer = reshape(as_tensor(Vector{3, 0, 0, 0}), {2, 2}), biases = as_tensor(Vector{0, 4});
  proximal_step(layer, {Groups::layer, 1}, 6, biases);
  EXPECT_EQ(biases.to_vector<double>(), (Vector{0, 0}));
}

TEST(GroupLasso, ZeroGroupsOfEveryFamily) {
  Tensor w = wave(1, {3, 2, 2, 2}, 1);
  const auto v = w.mutable_data<double>();
  for (std::int64_t i = 0; i < w.numel(); ++i)
    if (group_of(Groups::filters, w.shape(), i) == 2 || group_of(Groups::channels, w.shape(), i) == 0 || group_of(Groups::shapes, w.shape(), i) == 5)
      v[static_cast<std::size_t>(i)] = 0;
  v[6] = 0;  // filter 0, channel 1: alone
  v[7] = 1e-300;  // its square is 0, and it is not
  const ZeroGroups zero = zero_groups(w);
  EXPECT_EQ(zero.filters, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(zero.channels, (std::vector<std::int64_t>{0}));
  EXPECT_EQ(zero.shapes, (std::vector<std::int64_t>{0, 1, 2, 3, 5}));
  for (std::int64_t i = 0; i < w.numel(); ++i) EXPECT_EQ(zero.mask.at(i), w.at(i) != 0 || i == 6) << i;
}

// ---- In training. L = ½ (w - b)ᵀ A (w - b), A couples the weights; four filters of two.
struct Quadratic {
  Tensor a = zeros({8, 8}, DType::f64), best = wave(4, {4, 2}, 1);
  Quadratic() {
    const Tensor m = wave(9, {8, 8}, 0.4);
    a = matmul(m, transpose(m));
    for (int i = 0; i < 8; ++i) a.mutable_data<double>()[static_cast<std::size_t>(9 * i)] += 0.5;
  }
  Tensor loss(const nn::Parameter& w) const {
    const Tensor d = reshape(w.value() - best, {8, 1});
    return 0.5 * sum(d * matmul(a, d));
  }
  // How far 0 is from ∇L + λ ∂R at w: 0 exactly where L + λ R is lowest.
  double residual(const Tensor& w, double lambda) const {
    const Tensor g = matmul(a, reshape(w - best, {8, 1}));
    double worst = 0;
    for (std::int64_t f = 0; f < 4; ++f) {
      const double length = std::hypot(w.at(2 * f), w.at(2 * f + 1)), pull = std::hypot(g.at(2 * f), g.at(2 * f + 1));
      if (length == 0) worst = std::max(worst, pull - lambda);
      else
        for (std::int64_t i = 2 * f; i < 2 * f + 2; ++i) worst = std::max(worst, std::abs(g.at(i) + lambda * w.at(i) / length));
    }
    return worst;
  }
  Tensor trained(double momentum, double told, double lambda) const {
    nn::Parameter w("w", {4, 2}, DType::f64);
    w.set(wave(8, {4, 2}, 1));
    nn::SGD sgd({&w}, {.momentum = momentum});
    GroupLasso lasso({{&w, {{Groups::filters, lambda}}}}, {.momentum = told});
    for (std::int64_t t = 0; t < 6000; ++t) {
      backward(loss(w));
      sgd.step(0.02);
      lasso.after_update(t, 0.02);
    }
    return clone(w.leaf().detach());
  }
};

TEST(GroupLassoTraining, RestsWhereLossAndPenaltyAreLowestTogether) {
  const Quadratic q;
  const double lambda = 0.6;
  const Tensor plain = q.trained(0, 0, lambda), heavy = q.trained(0.9, 0.9, lambda), untold = q.trained(0.9, 0, lambda);
  EXPECT_LT(q.residual(plain, lambda), 1e-9);
  EXPECT_LT(q.residual(heavy, lambda), 1e-9);
  EXPECT_LT(distance(plain.to_vector<double>(), heavy.to_vector<double>()), 1e-8);
  EXPECT_GT(zero_groups(plain).filters.size(), 0u);
  EXPECT_LT(zero_groups(plain).filters.size(), 4u);
  EXPECT_EQ(zero_groups(plain).filters, zero_groups(heavy).filters);
  // A momentum that is not told of: the penalty weighs a tenth.
  EXPECT_LT(q.residual(untold, 0.1 * lambda), 1e-9);
  EXPECT_GT(q.residual(untold, lambda), 0.1);
}

// A filter that the loss hardly asks for is 0 after every step, with momentum and gradients that change from step to step; when it is asked for
// it comes back, unless it is frozen. The same penalty as part of the loss hovers around 0.
TEST(GroupLassoTraining, WhatIsZeroIsZeroUntilTheLossAsks) {
  for (const DType type : {DType::f32, DType::f64})
    for (const bool freeze : {false, true}) {
      nn::Parameter w("w", {2, 3}, type), hovering("hovering", {2, 3}, type);
      for (nn::Parameter* p : {&w, &hovering}) p->set(reshape(as_tensor(Vector{1, 1, 1, 0.3, -0.2, 0.1}), {2, 3}));
      nn::SGD sgd({&w, &hovering}, {.momentum = 0.9});
      GroupLasso lasso({{&w, {{Groups::filters, 0.5}}}}, {.momentum = 0.9, .freeze = freeze});
      int exact = 0, nearly = 0;
      bool returned = false;
      for (std::int64_t t = 0; t < 500; ++t) {
        const Tensor noise = cast(wave(static_cast<int>(t), {2, 3}, 0.15), type);  // pulls the second filter by at most 0.26
        const double push = t >= 400 ? -2 : 0;
        auto loss = [&](const nn::Parameter& p) {
          const Tensor first = slice(p.value(), 0, 0, 1) - 1.0, second = slice(p.value(), 0, 1, 2);
          return 0.5 * sum(first * first) + sum(p.value() * noise) + push * sum(second);
        };
        const Tensor second = slice(hovering.value(), 0, 1, 2);
        backward(loss(w) + loss(hovering) + 0.5 * sqrt(sum(second * second) + 1e-12));
        sgd.step(0.01);
        lasso.after_update(t, 0.01);
        const bool zero = w.leaf().at(3) == 0 && w.leaf().at(4) == 0 && w.leaf().at(5) == 0;
        if (t >= 200 && t < 400) {
          EXPECT_TRUE(zero) << t;
          ++exact;
          nearly += hovering.leaf().at(3) != 0;
        }
        returned |= t >= 400 && !zero;
      }
      EXPECT_EQ(exact, 200);
      EXPECT_EQ(nearly, 200);
      EXPECT_EQ(returned, !freeze);
      EXPECT_EQ(w.is_masked(), freeze);
      EXPECT_EQ(lasso.zeros()[0].zero, freeze ? 1 : 0);
      EXPECT_EQ(lasso.zeros()[0].size, 2);
    }
}

std::unique_ptr<During> penalised(nn::Module& net, const GroupLassoOptions& o, double lambda) {
  std::vector<Penalised> layers;
  for (const char* layer : {"fc1", "fc2"})
    layers.push_back({&net.parameter(std::string(layer) + ".weight"),
                      {{Groups::filters, lambda}, {Groups::channels, lambda}},
                      &net.parameter(std::string(layer) + ".bias")});
  return std::make_unique<GroupLasso>(layers, o);
}

// The penalty acts with each step's own rate, for `steps` steps; then what is 0 is masked for good, biases with their filters, and training goes on
// without it, as in a twin that is treated by hand.
TEST(GroupLassoTraining, ActsForSoManyStepsThenFreezes) {
  auto net = three_layers(), twin = three_layers();
  nn::SGD optimizer(net->parameters()), twins(twin->parameters());
  auto during = penalised(*net, {.steps = 20}, 0.12);
  const nn::Schedule rate = [](std::int64_t t) { return t < 10 ? 0.4 : 0.04; };
  nn::train(*net, optimizer, batch_at, {.iterations = 30, .rate = rate},
            {.before_step = [&](auto t) { during->before_step(t); }, .after_update = [&](auto t, double r) { during->after_update(t, r); }});
  nn::train(*twin, twins, batch_at, {.iterations = 30, .rate = rate}, {.after_update = [&](std::int64_t t, double) {
    if (t >= 20) return;
    for (const char* layer : {"fc1", "fc2"}) {
      nn::Parameter &w = twin->parameter(std::string(layer) + ".weight"), &b = twin->parameter(std::string(layer) + ".bias");
      Tensor v = clone(w.leaf().detach()), c = clone(b.leaf().detach());
      proximal_step(v, {Groups::filters, 0.12}, t < 10 ? 0.4 : 0.04, c);
      proximal_step(v, {Groups::channels, 0.12}, t < 10 ? 0.4 : 0.04);
      w.set(v), b.set(c);
    }
    if (t < 19) return;
    for (nn::Parameter* p : prunable(*twin))
      if (p->name() != "fc3.weight") p->set_mask(zero_groups(*p).mask);
    for (const char* layer : {"fc1", "fc2"}) {
      nn::Parameter& b = twin->parameter(std::string(layer) + ".bias");
      Tensor keep = ones(b.shape(), DType::u8);
      for (const std::int64_t f : zero_groups(twin->parameter(std::string(layer) + ".weight")).filters)
        if (b.leaf().at(f) == 0) keep.mutable_data<std::uint8_t>()[static_cast<std::size_t>(f)] = 0;  // (a channel's step may have taken the last weight alone)
      b.set_mask(keep);
    }
  }});
  std::int64_t gone = 0;
  for (std::size_t i = 0; i < net->parameters().size(); ++i) {
    const nn::Parameter &a = *net->parameters()[i], &b = *twin->parameters()[i];
    EXPECT_TRUE(same_bits(a.leaf(), b.leaf())) << a.name();
    EXPECT_EQ(a.kept(), b.kept()) << a.name();
    gone += a.numel() - a.kept();
  }
  EXPECT_GT(gone, 5);
  EXPECT_LT(gone, 80);
}

TEST(GroupLassoTraining, CanBeTakenUpAnywhere) {
  for (const bool freeze : {false, true})
    for (const std::int64_t stop : {1, 9, 15, 16, 19})
      expect_resumable({}, [&](nn::Module& net) { return penalised(net, {.freeze = freeze, .steps = 15}, 0.1); }, 22, stop);
}

TEST(GroupLassoTraining, FinishMasksAndKeepsOlderMasks) {
  auto net = three_layers();
  nn::Parameter& w = net->parameter("fc1.weight");
  Tensor values = clone(w.leaf().detach()), mask = ones(w.shape(), DType::u8);
  for (int i = 0; i < 6; ++i) values.mutable_data<double>()[static_cast<std::size_t>(i)] = 0;
  mask.mutable_data<std::uint8_t>()[20] = 0;
  w.set_mask(mask);
  w.set(values);
  auto during = penalised(*net, {}, 0.1);
  during->finish();
  EXPECT_EQ(w.kept(), 48 - 6 - 1);
  EXPECT_FALSE(net->parameter("fc2.weight").is_masked());
  EXPECT_FALSE(net->parameter("fc1.bias").is_masked());  // the filter's weights are 0, its bias is not
}

TEST(GroupLasso, Refuses) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Tensor w = wave(1, {2, 3}, 1), one = wave(1, {3}, 1), bad = wave(1, {2, 3}, 1);
  bad.mutable_data<double>()[4] = nan;
  EXPECT_TRUE(refuses([&] { group_lasso(w, {Groups::filters, -0.1}); }, {"λ", "-0.1"}));
  EXPECT_TRUE(refuses([&] { group_lasso(w, {Groups::filters, nan}); }, {"λ", "nan"}));
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::filters, 1}, -1); }, {"step", "-1"}));
  EXPECT_TRUE(refuses([&] { proximal_step(w, {Groups::filters, 1}, nan); }, {"step", "nan"}));
  EXPECT_TRUE(refuses([&] { group_lasso(one, {Groups::filters, 1}); }, {"(3)", "no filters and channels"}));
  EXPECT_TRUE(refuses([&] { zero_groups(one); }, {"(3)", "no filters and channels"}));
  EXPECT_TRUE(refuses([&] { group_norms("w", zeros({0, 3}, DType::f64), Groups::filters); }, {"no weights"}));
  EXPECT_TRUE(refuses([&] { group_norms("fc1.weight", bad, Groups::filters); }, {"\"fc1.weight\"", "nan", "filters 1"}));
  EXPECT_TRUE(refuses([&] { group_norms("fc1.weight", bad, Groups::channels); }, {"\"fc1.weight\"", "nan", "channels 1"}));
  EXPECT_TRUE(refuses([&] { group_lasso(w, {Groups::channels, 1}, as_tensor(Vector{1, 2})); }, {"bias", "channels"}));
  EXPECT_TRUE(refuses([&] { group_lasso(w, {Groups::filters, 1}, one); }, {"bias", "(3)", "(2)"}));

  auto net = three_layers();
  nn::Parameter &fc1 = net->parameter("fc1.weight"), &fc2 = net->parameter("fc2.weight");
  EXPECT_TRUE(refuses([&] { GroupLasso({}); }, {"no weights"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&fc1, {{Groups::filters, 1}}}, {&fc1, {{Groups::channels, 1}}}}); }, {"\"fc1.weight\"", "twice"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&fc1, {{Groups::filters, -1}}}}); }, {"λ", "-1"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&net->parameter("fc1.bias"), {{Groups::filters, 1}}}}); }, {"\"fc1.bias\"", "(8)"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&fc1, {{Groups::filters, 1}}}}, {.momentum = 1}); }, {"momentum", "1"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&fc1, {{Groups::filters, 1}}}}, {.steps = -2}); }, {"-2 steps"}));

  // What is not finite is refused before any weight has moved.
  GroupLasso lasso({{&fc1, {{Groups::filters, 1}}}, {&fc2, {{Groups::filters, 1}}}});
  const Tensor before = clone(fc1.leaf().detach());
  fc2.leaf().mutable_data<double>()[3] = nan;
  EXPECT_TRUE(refuses([&] { lasso.after_update(0, 0.1); }, {"\"fc2.weight\"", "nan"}));
  EXPECT_TRUE(same_bits(before, fc1.leaf().detach()));
  fc2.leaf().mutable_data<double>()[3] = 0;
  fc1.pack();
  EXPECT_TRUE(refuses([&] { lasso.after_update(0, 0.1); }, {"\"fc1.weight\"", "packed"}));
  EXPECT_TRUE(refuses([&] { GroupLasso({{&fc1, {{Groups::filters, 1}}}}); }, {"\"fc1.weight\"", "packed"}));
}

}  // namespace
}  // namespace bonsai::prune
