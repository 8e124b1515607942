// Movement pruning against a loop over plain numbers, and its penalty against differences.
#include <algorithm>

#include "nn/optimizers.h"
#include "prune/schedules/movement.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;
using Numbers = std::vector<double>;

constexpr Gradual ramp{.initial = 0, .final = 0.7, .start = 2, .every = 1, .times = 6};

// Softmax regression by hand: 5 examples of 4 numbers, 3 classes, w (3, 4), plain gradient descent. Nothing here is the library's.
struct Slow {
  Numbers x, w, s = Numbers(12);
  std::vector<int> keep = std::vector<int>(12, 1);
  MovementOptions o;

  double progress(int t) const { return std::min(1.0, std::max(0.0, (t - 2) / 6.0)); }
  void choose(int t) {
    const double left = 1 - progress(t), sparsity = 0.7 - 0.7 * left * left * left;
    Numbers score = s;
    if (o.by == By::magnitude)
      for (int i = 0; i < 12; ++i) score[i] = std::abs(w[i]);
    std::vector<int> order(12);
    for (int i = 0; i < 12; ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return score[a] < score[b]; });
    const auto removed = static_cast<int>(std::nearbyint(12 * sparsity));
    for (int r = 0; r < 12; ++r) keep[order[r]] = o.soft ? score[order[r]] > o.threshold : r >= removed;
  }
  void step(int t, double rate) {
    choose(t);
    Numbers g(12);
    for (int e = 0; e < 5; ++e) {
      double z[3], top = -1e300, total = 0;
      for (int c = 0; c < 3; ++c) {
        z[c] = 0;
        for (int j = 0; j < 4; ++j) z[c] += keep[c * 4 + j] ? w[c * 4 + j] * x[e * 4 + j] : 0;
        top = std::max(top, z[c]);
      }
      for (double& v : z) total += v = std::exp(v - top);
      for (int c = 0; c < 3; ++c)
        for (int j = 0; j < 4; ++j) g[c * 4 + j] += (z[c] / total - (e % 3 == c)) * x[e * 4 + j] / 5;
    }
    const double left = 1 - progress(t), lambda = o.lambda * (1 - left * left * left);
    for (int i = 0; i < 12; ++i) {
      const double sigma = 1 / (1 + std::exp(-s[i]));
      if (o.by == By::movement) s[i] -= o.rate * (g[i] * w[i] + (o.soft ? lambda / 12 * sigma * (1 - sigma) : 0));
      if (keep[i]) w[i] -= rate * g[i];
    }
  }
};

void follows_the_slow_loop(const MovementOptions& o, int least_changes) {
  nn::Linear layer(4, 3);
  nn::Parameter& w = layer.parameter("weight");
  layer.to(DType::f64);
  w.set(wave(1, {3, 4}));
  const Tensor x = wave(4, {5, 4});
  Slow slow{.x = x.to_vector<double>(), .w = w.leaf().to_vector<double>(), .o = o};
  Movement movement({&w}, o);
  nn::SGD sgd({&w});
  int changes = 0;
  for (int t = 0; t < 14; ++t) {
    movement.before_step(t);
    backward(cross_entropy(linear(x, w.value()), labels(5, 3)));
    movement.after_backward(t);
    sgd.step(2);
    const std::vector<int> before = slow.keep;
    slow.step(t, 2);
    for (int i = 0; i < 12; ++i) {
      changes += before[i] != slow.keep[i];
      EXPECT_EQ(w.soft_mask().at(i), slow.keep[i]) << "step " << t << ", weight " << i;
    }
    EXPECT_TRUE(close(w.leaf().detach(), tensor(std::span<const double>(slow.w), {3, 4}), 1e-12, 1e-13)) << "step " << t;
    EXPECT_TRUE(close(movement.scores()[0], tensor(std::span<const double>(slow.s), {3, 4}), 1e-12, 1e-13)) << "step " << t;
  }
  EXPECT_GE(changes, least_changes);  // or the comparison compared nothing
}

TEST(Movement, FollowsTheSlowLoop) {
  follows_the_slow_loop({.ramp = ramp}, 8);
  follows_the_slow_loop({.ramp = ramp, .rate = 7}, 8);
  follows_the_slow_loop({.by = By::magnitude, .ramp = ramp}, 8);
  follows_the_slow_loop({.ramp = ramp, .rate = 3, .soft = true, .lambda = 0.6, .threshold = -0.4}, 4);
}

// The scores' step without a gradient of the loss is -η times the derivative of λ/n Σ sigmoid(s), by central differences.
TEST(Movement, ThePenaltysGradientIsItsDifference) {
  nn::Parameter w("w", {9}, DType::f64);
  w.set(wave(1, {9}));
  const double lambda = 3, rate = 0.25;
  Movement movement({&w}, {.ramp = ramp, .rate = rate, .soft = true, .lambda = lambda, .threshold = -100});
  const Tensor s = wave(2, {9}, 4);
  movement.load_state({{"movement.w.scores", s}});
  movement.before_step(8);  // the ramp's end
  backward(sum(w.value() * zeros_like(w.leaf())));
  movement.after_backward(8);
  auto penalty = [&](const Numbers& at) {
    double r = 0;
    for (double v : at) r += lambda / 9 / (1 + std::exp(-v));
    return r;
  };
  for (int i = 0; i < 9; ++i) {
    Numbers up = s.to_vector<double>(), down = up;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    const double slope = (penalty(up) - penalty(down)) / 2e-5;
    EXPECT_NEAR(movement.scores()[0].at(i) - s.at(i), -rate * slope, 1e-10);
    EXPECT_GT(slope, 1e-3);
  }
}

}  // namespace
}  // namespace bonsai::prune
