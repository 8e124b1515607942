// Hessians, products with them, Jacobians and per-example gradients against what is known by hand or by differences.
#include "core/derivatives.h"

#include "tests/core/check.h"

namespace bonsai::check {
namespace {

Tensor symmetric(std::int64_t n) {
  const Tensor a = sample({n, n}, DType::f64);
  return a + transpose(a);
}

TEST(Hessian, OfAQuadraticIsItsMatrix) {  // ½ wᵀ H w
  const Tensor h = symmetric(7), w = sample({7, 1}, DType::f64, {}, 3).requires_grad(true);
  const Tensor loss = 0.5 * sum(w * matmul(h, w));
  const Tensor got = hessian(loss, {w});
  EXPECT_TRUE(close(got, h, 1e-14, 1e-14));
  EXPECT_TRUE(close(got, transpose(got), 1e-12, 0));
  EXPECT_FALSE(got.requires_grad());
}

struct Net {  // a small tanh network in f64: 4 -> 5 -> 3
  Tensor w1 = sample({5, 4}, DType::f64, {-1, 1}, 1).requires_grad(true), b1 = sample({5}, DType::f64, {-1, 1}, 2).requires_grad(true);
  Tensor w2 = sample({3, 5}, DType::f64, {-1, 1}, 3).requires_grad(true), b2 = sample({3}, DType::f64, {-1, 1}, 4).requires_grad(true);
  Tensor inputs = sample({6, 4}, DType::f64, {-2, 2}, 5), labels = sample({6}, DType::f64, {0, 3, false, DType::i64}, 6);
  Tensors xs{w1, b1, w2, b2};
  Tensor loss(const Tensor& x, const Tensor& y) const { return cross_entropy(linear(tanh(linear(x, w1, b1)), w2, b2), y); }
  Tensor loss() const { return loss(inputs, labels); }
};

TEST(Hessian, OfANetworkMatchesDifferencesOfGradients) {
  Net net;
  const Tensor h = hessian(net.loss(), net.xs);
  const std::int64_t n = 5 * 4 + 5 + 3 * 5 + 3;
  ASSERT_EQ(h.shape(), (Shape{n, n}));
  EXPECT_TRUE(close(h, transpose(h), 1e-12, 0));
  double largest = max(abs(h)).item();
  const double eps = 1e-5;
  std::int64_t column = 0;
  for (Tensor& x : net.xs)
    for (std::int64_t i = 0; i < x.numel(); ++i, ++column) {
      const double here = x.at(i);
      x.mutable_data<double>()[i] = here + eps;
      const Tensor above = join(grad(net.loss(), net.xs));
      x.mutable_data<double>()[i] = here - eps;
      const Tensor below = join(grad(net.loss(), net.xs));
      x.mutable_data<double>()[i] = here;
      ASSERT_TRUE(close(reshape(slice(h, 1, column, column + 1), {n}), (above - below) / (2 * eps), 1e-6 * largest, 1e-6)) << "column " << column;
    }
}

TEST(Hessian, ProductsWithVectorsNeedNoMatrix) {
  Net net;
  const Tensor h = hessian(net.loss(), net.xs);
  const Curvature curvature(net.loss(), net.xs);
  for (int trial = 0; trial < 3; ++trial) {
    Tensors vs;
    for (const Tensor& x : net.xs) vs.push_back(sample(x.shape(), DType::f64, {-1, 1}, 10 * trial + static_cast<int>(vs.size())));
    const Tensor want = reshape(matmul(h, reshape(join(vs), {h.shape()[0], 1})), {h.shape()[0]});
    EXPECT_TRUE(close(join(hvp(net.loss(), net.xs, vs)), want, 1e-13, 1e-12));
    EXPECT_TRUE(close(join(curvature.times(vs)), want, 1e-13, 1e-12));
    EXPECT_TRUE(close(curvature.times(join(vs)), want, 1e-13, 1e-12));
  }
  EXPECT_TRUE(close(curvature.gradient().detach(), join(grad(net.loss(), net.xs)), 1e-14, 1e-13));
}

TEST(Hessian, OfALinearLossOrAnUnusedParameterIsZero) {
  const Tensor x = tensor({1.0, 2.0}).requires_grad(true), unused = tensor({3.0}).requires_grad(true);
  EXPECT_EQ(hessian(sum(x), {x, unused}).to_vector<double>(), std::vector<double>(9, 0));
  EXPECT_EQ(hessian(sum(x * x), {unused, x}).to_vector<double>(), (std::vector<double>{0, 0, 0, 0, 2, 0, 0, 0, 2}));
}

TEST(Hessian, WorksWhereRecordingIsOff) {
  const Tensor x = tensor({3.0}).requires_grad(true), y = x * x * x;
  NoGrad off;
  EXPECT_EQ(hessian(y, {x}).item(), 18);
  EXPECT_EQ(hvp(y, {x}, {tensor({2.0})})[0].item(), 36);
}

TEST(Hessian, TooLargeIsRefusedWithItsSize) {
  const Tensor w = zeros({3000, 1000}, DType::f32).requires_grad(true);
  EXPECT_TRUE(refuses([&] { hessian(sum(w * w), {w}); }, {"hessian", "3000000 x 3000000", "GiB", "hvp"}));
}

TEST(Hessian, RefusesWhatDoesNotFit) {
  const Tensor x = tensor({1.0, 2.0}).requires_grad(true), f = tensor({1.0f}).requires_grad(true);
  EXPECT_TRUE(refuses([&] { hvp(sum(x * x), {x}, {tensor({1.0})}); }, {"hvp", "(1)", "(2)"}));
  EXPECT_TRUE(refuses([&] { hvp(sum(x * x), {x}, {}); }, {"hvp", "0 vectors", "1 parameters"}));
  EXPECT_TRUE(refuses([&] { hessian(sum(x * x), {x, f}); }, {"hessian", "f64", "f32"}));
  EXPECT_TRUE(refuses([&] { hessian(sum(x * x), {}); }, {"hessian", "no tensors"}));
  EXPECT_TRUE(refuses([&] { split(x, {x, x}); }, {"split", "(2)", "4"}));
  auto loss = [&](const Tensor&, const Tensor&) { return sum(x); };
  EXPECT_TRUE(refuses([&] { per_example_gradients(loss, {x}, ones({2, 3}), ones({3})); }, {"per_example_gradients", "(2, 3)", "(3)"}));
}

TEST(Jacobian, OfALinearMapIsItsMatrix) {
  const Tensor w = sample({3, 4}, DType::f64), x = sample({1, 4}, DType::f64, {}, 2).requires_grad(true), b = zeros({3}, DType::f64).requires_grad(true);
  const Tensor j = jacobian(linear(x, w, b), {x, b});
  EXPECT_TRUE(close(j, concat({w, eye(3)}, 1), 0, 0));
}

TEST(PerExampleGradients, SumToTheGradientOfTheWhole) {
  Net net;
  const Tensor rows = per_example_gradients([&](const Tensor& x, const Tensor& y) { return net.loss(x, y); }, net.xs, net.inputs, net.labels);
  ASSERT_EQ(rows.shape(), (Shape{6, 43}));
  EXPECT_TRUE(close(sum(rows, {0}), 6.0 * join(grad(net.loss(), net.xs)), 1e-14, 1e-12));
  // All of them, not the last one over and over.
  for (int i = 1; i < 6; ++i) EXPECT_FALSE(same_bits(slice(rows, 0, 0, 1), slice(rows, 0, i, i + 1)));
}

}  // namespace
}  // namespace bonsai::check
