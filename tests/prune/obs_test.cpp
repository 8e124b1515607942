// OBS on quadratic losses, where it is exact, and the inverse Hessian when it does not exist.
#include <gtest/gtest.h>

#include <cmath>

#include "core/derivatives.h"
#include "core/ops.h"
#include "core/random.h"
#include "prune/scores/obs/inverse.h"
#include "prune/scores/obs/obs.h"
#include "prune/scores/obs/outer_products.h"

namespace {

using namespace bonsai;

// L(w) = ½ (w - m)ᵀ H (w - m), H = A Aᵀ / n + I/10: its minimum is m.
struct Quadratic {
  std::int64_t n;
  Tensor hessian, minimum;
  explicit Quadratic(std::int64_t size, std::uint64_t seed) : n(size) {
    Random random(seed);
    const Tensor a = random.normal({n, n}, 0, 1, DType::f64);
    hessian = matmul(a, a, {.b = true}) / static_cast<double>(n) + eye(n) * 0.1;
    minimum = random.normal({n}, 0, 1, DType::f64);
  }
  double at(const Tensor& w) const {
    const Tensor d = reshape(w - minimum, {n, 1});
    return 0.5 * sum(d * matmul(hessian, d)).item();
  }
  // The least loss when the weights q are 0: gradient steps on the others, each of exact length, until nothing moves.
  double refitted(const std::vector<std::int64_t>& q) const {
    Tensor w = clone(minimum), free = ones({n}, DType::f64);
    for (std::int64_t i : q) w.mutable_data<double>()[i] = free.mutable_data<double>()[i] = 0;
    Tensor r = free * -reshape(matmul(hessian, reshape(w - minimum, {n, 1})), {n}), p = r;  // conjugate gradients
    for (int step = 0; step < 4 * n && sum(r * r).item() > 1e-28; ++step) {
      const Tensor hp = free * reshape(matmul(hessian, reshape(p, {n, 1})), {n});
      const double rr = sum(r * r).item(), length = rr / sum(p * hp).item();
      w = w + p * length;
      r = r - hp * length;
      p = r + p * (sum(r * r).item() / rr);
    }
    return at(w);
  }
};

TEST(Obs, one_deletion_costs_what_was_predicted_and_leaves_the_minimum) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Quadratic f(12, seed);
    const prune::Inverse h = prune::damped_inverse(f.hessian);
    EXPECT_EQ(h.damping, 0);
    const Tensor scores = prune::obs_scores(f.minimum, h.inverse);
    for (std::int64_t q = 0; q < f.n; ++q) {
      const Tensor w = f.minimum + prune::obs_change(f.minimum, h.inverse, q);
      EXPECT_EQ(w.at(q), 0);
      EXPECT_NEAR(f.at(w), scores.at(q), 1e-10 * scores.at(q));
      EXPECT_NEAR(f.at(w), f.refitted({q}), 1e-9 * scores.at(q));
    }
  }
}

TEST(Obs, several_at_once_cost_what_was_predicted_and_leave_the_minimum) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Quadratic f(12, seed);
    const Tensor inverse = prune::damped_inverse(f.hessian).inverse;
    const std::vector<std::int64_t> q{1, 4, 7, 11};
    const prune::JointDeletion d = prune::obs_joint(f.minimum, inverse, q);
    const Tensor w = f.minimum + d.change;
    for (std::int64_t i : q) EXPECT_EQ(w.at(i), 0);
    EXPECT_NEAR(f.at(w), d.cost, 1e-10 * d.cost);
    EXPECT_NEAR(f.at(w), f.refitted(q), 1e-9 * d.cost);
  }
}

TEST(Obs, one_after_the_other_with_the_inverse_brought_up_to_date_is_the_same_as_jointly) {
  const Quadratic f(12, 9);
  Tensor inverse = prune::damped_inverse(f.hessian).inverse, w = clone(f.minimum), mask = ones({12}, DType::u8);
  const Tensor whole = clone(inverse);
  double cost = 0;
  const std::vector<std::int64_t> q{3, 8, 5};
  for (std::int64_t i : q) {
    cost += prune::obs_scores(w, inverse, mask).at(i);
    w = w + prune::obs_change(w, inverse, i);
    prune::forget_weight(inverse, i);
    mask.mutable_data<std::uint8_t>()[i] = 0;
  }
  const prune::JointDeletion d = prune::obs_joint(f.minimum, whole, q);
  EXPECT_NEAR(cost, d.cost, 1e-10 * cost);
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_NEAR(w.at(i), (f.minimum + d.change).at(i), 1e-10);
  // Deleted weights are out of the running, and the inverse left is that of the Hessian without their rows and columns.
  EXPECT_TRUE(std::isinf(prune::obs_scores(w, inverse, mask).at(3)));
  std::vector<std::int64_t> left;
  for (std::int64_t i = 0; i < 12; ++i) if (mask.at(i) > 0) left.push_back(i);
  const Tensor pick = tensor<std::int64_t>(std::span<const std::int64_t>(left), {9});
  const Tensor small = prune::damped_inverse(index_select(index_select(f.hessian, pick, 0), pick, 1)).inverse;
  const Tensor kept = index_select(index_select(inverse, pick, 0), pick, 1);
  EXPECT_LT(max(abs(small - kept)).item(), 1e-10);
}

TEST(Obs, is_obd_when_the_hessian_is_diagonal) {
  const Tensor w = tensor({5.0, 3.0, 4.0});
  Tensor h = zeros({3, 3}, DType::f64);
  for (int i = 0; i < 3; ++i) h.mutable_data<double>()[4 * i] = i + 1;
  const Tensor scores = prune::obs_scores(w, prune::damped_inverse(h).inverse);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(scores.at(i), 0.5 * (i + 1) * w.at(i) * w.at(i), 1e-12);
}

TEST(Inverse, times_the_matrix_is_the_identity) {
  const Quadratic f(40, 2);
  EXPECT_LT(max(abs(matmul(prune::damped_inverse(f.hessian).inverse, f.hessian) - eye(40))).item(), 1e-10);
}

TEST(Inverse, a_singular_or_indefinite_matrix_is_damped_and_says_so) {
  const Tensor singular = tensor({1.0, 1.0, 1.0, 1.0}, {2, 2}), indefinite = tensor({1.0, 0.0, 0.0, -0.5}, {2, 2});
  for (const Tensor& h : {singular, indefinite, zeros({2, 2}, DType::f64)}) {
    const prune::Inverse i = prune::damped_inverse(h);
    EXPECT_GT(i.damping, 0);
    EXPECT_LT(max(abs(matmul(i.inverse, h + eye(2) * i.damping) - eye(2))).item(), 1e-6);
  }
  EXPECT_GT(prune::damped_inverse(indefinite).damping, 0.5);
  EXPECT_LE(prune::damped_inverse(indefinite).damping, 5);  // the next rung of the ladder
}

TEST(Inverse, bad_input_is_refused) {
  auto refuses = [](const Tensor& h, const char* why) {
    try {
      prune::damped_inverse(h);
      FAIL() << why;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    }
  };
  refuses(tensor({1.0, 2.0, 3.0, 4.0}, {2, 2}), "symmetric");
  refuses(tensor({1.0, 0.0, 0.0, std::nan("")}, {2, 2}), "nan");
  refuses(zeros({2, 3}, DType::f64), "square");
  refuses(zeros({2, 2}, DType::f32), "f64");
}

TEST(OuterProducts, equal_the_inverse_of_their_mean_plus_alpha) {
  Random random(7);
  const Tensor x = random.normal({50, 8}, 0, 1, DType::f64);
  const Tensor h = matmul(x, x, {.a = true}) / 50.0 + eye(8) * 1e-2;
  EXPECT_LT(max(abs(matmul(prune::outer_product_inverse(x, 1e-2), h) - eye(8))).item(), 1e-9);
}

}  // namespace
