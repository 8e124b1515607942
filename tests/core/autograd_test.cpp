// Autograd itself: what a graph must survive, and where other frameworks were found wrong.
#include <cmath>

#include "core/backend.h"
#include "tests/core/check.h"

namespace bonsai::check {
namespace {

Tensor leaf(std::initializer_list<double> v) { return tensor(v).requires_grad(true); }
std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

TEST(Autograd, DiamondAddsUp) {  // b = a + a; c = b + b
  const Tensor a = leaf({3}), b = a + a, c = b + b;
  EXPECT_EQ(values(grad(c, {a})[0]), (std::vector<double>{4}));
  const Tensor d = b * b * a;  // 4 a³
  EXPECT_EQ(values(grad(d, {a})[0]), (std::vector<double>{108}));
}

TEST(Autograd, OneTensorAsBothSidesOfAProduct) {  // S = A A: dS = 1 gives 1 Aᵀ + Aᵀ 1
  const Tensor a = tensor({1.0, 2.0, 3.0, 4.0}, {2, 2}).requires_grad(true);
  EXPECT_EQ(values(grad(sum(matmul(a, a)), {a})[0]), (std::vector<double>{1 + 2 + 1 + 3, 3 + 4 + 1 + 3, 1 + 2 + 2 + 4, 3 + 4 + 2 + 4}));
}

TEST(Autograd, BackwardTwiceOnTheSameGraphAccumulates) {
  Tensor x = leaf({2});
  const Tensor y = x * x * x;
  backward(y);
  EXPECT_EQ(values(x.grad()), (std::vector<double>{12}));
  backward(y);
  EXPECT_EQ(values(x.grad()), (std::vector<double>{24}));
  EXPECT_EQ(values(grad(y, {x})[0]), (std::vector<double>{12})) << "grad() does not touch what backward() accumulates";
  x.clear_grad();
  EXPECT_FALSE(x.grad().defined());
  backward(sum(x));
  EXPECT_EQ(values(x.grad()), (std::vector<double>{1}));
}

TEST(Autograd, AccumulatedGradientsAreTheLeafsOwn) {  // clipping one in place must not change another
  Tensor a = leaf({1}), b = leaf({2});
  backward(a + b);
  Tensor ga = a.grad();
  fill(ga, 0);
  EXPECT_EQ(values(b.grad()), (std::vector<double>{1}));
  Tensor seed = tensor({5.0}), c = leaf({1});
  backward(reshape(c, {1, 1}), {.seed = reshape(seed, {1, 1})});
  fill(seed, 0);
  EXPECT_EQ(values(c.grad()), (std::vector<double>{5}));
}

TEST(Autograd, AnOverwrittenInputIsNoticed) {
  Tensor x = leaf({2}), w = leaf({3});
  const Tensor y = x * w;
  fill(w, 100);  // the derivative of the product needs it
  EXPECT_TRUE(refuses([&] { grad(y, {x}); }, {"mul", "input", "overwritten"}));
  EXPECT_EQ(values(grad(y, {w})[0]), (std::vector<double>{2})) << "this one needs only x, which is as it was";
  const Tensor z = x + w;  // a sum needs neither
  fill(w, 7);
  EXPECT_EQ(values(grad(z, {w})[0]), (std::vector<double>{1}));
}

TEST(Autograd, AnOverwrittenOutputIsNoticed) {
  const Tensor x = leaf({0.5});
  Tensor y = exp(x);
  const Tensor z = y * 2.0;
  y.mutable_data<double>()[0] = 0;
  EXPECT_TRUE(refuses([&] { grad(z, {x}); }, {"exp", "output", "overwritten"}));
  Tensor r = relu(x);
  Tensor alias = r.detach();  // the same storage under another handle
  fill(alias, -1);
  EXPECT_TRUE(refuses([&] { grad(r, {x}); }, {"relu", "output"}));
}

TEST(Autograd, SecondDerivativeThroughAnOverwrittenIntermediateIsNoticed) {
  const Tensor x = leaf({0.5});
  const Tensor y = tanh(x);
  Tensor g = grad(y, {x}, {.create_graph = true})[0];
  Tensor alias = y.detach();
  fill(alias, 9);
  EXPECT_TRUE(refuses([&] { grad(g, {x}); }, {"overwritten"}));
}

TEST(Autograd, AHundredThousandNodesDeep) {
  const int depth = 100000;
  Tensor x = leaf({1}), one = tensor({1.0});
  Tensor y = x;
  for (int i = 0; i < depth; ++i) y = i % 2 ? y + one : y + x;
  EXPECT_EQ(values(grad(y, {x})[0]), (std::vector<double>{1 + depth / 2}));
  const Tensor g = grad(y * y, {x}, {.create_graph = true})[0];  // 2 y y', itself as deep
  EXPECT_EQ(values(grad(g, {x})[0]), (std::vector<double>{2.0 * (1 + depth / 2) * (1 + depth / 2)}));
  y = {};  // released without recursion
}

TEST(Autograd, WhatDoesNotMatterHasGradientZero) {
  const Tensor x = leaf({1, 2}), y = leaf({3});
  const Tensors g = grad(sum(x), {x, y});
  EXPECT_EQ(values(g[1]), (std::vector<double>{0}));
  EXPECT_EQ(values(grad(sum(x.detach() * 2.0), {x})[0]), (std::vector<double>{0, 0})) << "not even when nothing was recorded";
  EXPECT_EQ(values(grad(sum(sign(x) + x), {x})[0]), (std::vector<double>{1, 1}));
}

TEST(Autograd, GradientsOfIntermediatesAndOfTheResultItself) {
  const Tensor x = leaf({3}), y = x * x, z = y * y;
  const Tensors g = grad(z, {x, y, z, x});
  EXPECT_EQ(values(g[0]), (std::vector<double>{108}));
  EXPECT_EQ(values(g[1]), (std::vector<double>{18}));
  EXPECT_EQ(values(g[2]), (std::vector<double>{1}));
  EXPECT_EQ(values(g[3]), (std::vector<double>{108}));
}

TEST(Autograd, AsManyDerivativesAsWanted) {  // x⁴: 4x³, 12x², 24x, 24, 0
  const Tensor x = leaf({1.5});
  Tensor d = x * x * x * x, p = pow(x, 4);
  for (double want : {13.5, 27.0, 36.0, 24.0, 0.0}) {
    d = grad(d, {x}, {.create_graph = true})[0];
    p = grad(p, {x}, {.create_graph = true})[0];
    EXPECT_TRUE(close(d, tensor({want}), 1e-12, 1e-14));
    EXPECT_TRUE(close(p, tensor({want}), 1e-12, 1e-14));
  }
}

TEST(Autograd, NoGradAndDetachRecordNothing) {
  const Tensor x = leaf({2});
  {
    NoGrad off;
    EXPECT_FALSE((x * x).requires_grad());
    const NoGrad on(false);
    EXPECT_TRUE((x * x).requires_grad());
  }
  EXPECT_TRUE((x * x).requires_grad()) << "and the scope ends";
  EXPECT_FALSE((x.detach() * 3.0).requires_grad());
  EXPECT_TRUE(x.detach().shares_storage(x));
  EXPECT_EQ(values(grad(x.detach() * x, {x})[0]), (std::vector<double>{2}));
  EXPECT_FALSE(grad(x * x, {x})[0].requires_grad()) << "a gradient is outside the graph unless it is asked for";
}

TEST(Autograd, SeedsWeighTheOutputs) {
  const Tensor x = leaf({1, 2, 3});
  EXPECT_EQ(values(grad(x * x, {x}, {.seed = tensor({1.0, 10.0, 100.0})})[0]), (std::vector<double>{2, 40, 600}));
}

// The fused derivatives (kernels) and the recorded ones (operations), in both types: the same numbers.
TEST(Autograd, FusedDerivativesEqualTheirDefinition) {
  for (DType t : {DType::f32, DType::f64}) {
    const double tolerance = t == DType::f32 ? 3e-6 : 1e-14;
    const Tensor x = sample({9, 13}, t, {-8, 8}).requires_grad(true), seed = sample({9, 13}, t, {-1, 1}, 3);
    const Tensor labels = sample({9}, t, {0, 13, false, DType::i64}), each = sample({9}, t, {-1, 1}, 4);
    for (auto& [y, s] : {std::pair{softmax(x), seed}, {log_softmax(x), seed}, {cross_entropy_each(x, labels), each}})
      EXPECT_TRUE(close(grad(y, {x}, {.seed = s})[0], grad(y, {x}, {.seed = s, .create_graph = true})[0], tolerance, tolerance)) << y.node()->op;
    // And the values, against the formulas in operations.
    const Tensor e = exp(x - max(x, {-1}, true)), p = e / sum(e, {-1}, true);
    EXPECT_TRUE(close(softmax(x), p, tolerance, tolerance));
    EXPECT_TRUE(close(log_softmax(x), log(p), 10 * tolerance, 10 * tolerance));
    EXPECT_TRUE(close(cross_entropy_each(x, labels), -sum(one_hot(labels, 13, t) * log_softmax(x), {1}), tolerance, tolerance));
  }
}

TEST(Autograd, LargeLogitsDoNotOverflow) {
  const Tensor x = tensor({1000.0, 0.0, -1000.0}, {1, 3}).requires_grad(true);
  EXPECT_EQ(softmax(x).to_vector<double>(), (std::vector<double>{1, 0, 0}));
  const Tensor loss = cross_entropy(x, tensor<std::int64_t>({2}));
  EXPECT_EQ(loss.item(), 2000);
  EXPECT_EQ(values(grad(loss, {x})[0]), (std::vector<double>{1, 0, -1}));
  EXPECT_EQ(softplus(tensor({1000.0})).item(), 1000);
  EXPECT_EQ(sigmoid(tensor({-1000.0})).item(), 0);
}

TEST(Autograd, PowAtZero) {
  const Tensor a = leaf({0, 0, 0}), b = leaf({0, 1, 2});
  const Tensors g = grad(sum(pow(a, b)), {a, b}, {.create_graph = true});
  EXPECT_EQ(values(g[0]), (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(values(g[1]), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(values(grad(sum(g[0]), {a})[0]), (std::vector<double>{0, 0, 2}));
  const Tensor one = leaf({2}), none = leaf({0});  // away from the corner the mixed derivative is 1/a
  const Tensor da = grad(pow(one, none), {one}, {.create_graph = true})[0];
  EXPECT_EQ(values(grad(da, {none})[0]), (std::vector<double>{0.5}));
}

TEST(Autograd, CastIsDifferentiableBetweenRealTypes) {
  const Tensor x = leaf({1.5, -2.25});
  const Tensor y = cast(x, DType::f32) * cast(x, DType::f32);
  EXPECT_EQ(y.dtype(), DType::f32);
  EXPECT_EQ(values(grad(sum(y), {x})[0]), (std::vector<double>{3, -4.5}));
  EXPECT_FALSE(cast(x, DType::i64).requires_grad());
  EXPECT_EQ(cast(x, DType::i64).to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, -2}));
}

TEST(Autograd, NaNIsNeitherHiddenNorMadeUp) {
  const double nan = std::nan("");
  const Tensor x = tensor({1.0, nan, 3.0});
  for (const Tensor& y : {max(x), min(x), sum(x), max(neg(x)), sum(softmax(x))}) EXPECT_TRUE(std::isnan(y.item()));
  for (const Tensor& y : {relu(x), abs(x), sign(x), clamp(x, 0, 2), maximum(x, number(2, x)), minimum(number(2, x), x)}) {
    EXPECT_TRUE(std::isnan(y.at(1)));
    EXPECT_FALSE(std::isnan(y.at(0)) || std::isnan(y.at(2)));
  }
  EXPECT_FALSE(close(x, x, 1, 1)) << "the comparison of these tests refuses NaN";
}

}  // namespace
}  // namespace bonsai::check
