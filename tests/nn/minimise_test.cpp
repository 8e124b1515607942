// Newton's method to a minimum, and the vector of kept parameters it moves.
#include "nn/minimise.h"

#include "core/cholesky.h"
#include "nn/init.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

TEST(Flat, HoldsTheKeptEntriesAndNothingElse) {
  auto net = small_net();
  net->parameter("fc1.weight").set_mask(mask_of({5, 4}, [](std::int64_t i) { return i % 4 == 0; }));
  Flat flat(net->parameters());
  EXPECT_EQ(flat.size(), 5 + 5 + 15 + 3);
  EXPECT_EQ(flat.total(), 43);
  const Tensor v = flat.values();
  EXPECT_EQ(v.at(1), net->parameter("fc1.weight").leaf().at(4));
  EXPECT_EQ(v.at(5), net->parameter("fc1.bias").leaf().at(0));
  flat.set(v * 2.0);
  EXPECT_TRUE(close(flat.values(), v * 2.0, 0));
  EXPECT_EQ(net->parameter("fc1.weight").leaf().at(1), 0);
  const Tensor loss = cross_entropy((*net)(small_inputs()), small_labels());
  EXPECT_EQ(flat.gradient(loss).numel(), 28);
  EXPECT_EQ(flat.hessian(loss).shape(), (Shape{28, 28}));

  const Tensor h = flat.hessian(loss), values = flat.values();  // packed it is the same vector
  net->parameter("fc1.weight").pack();
  Flat packed(net->parameters());
  EXPECT_EQ(packed.size(), 28);
  EXPECT_TRUE(close(packed.values(), values, 0));
  EXPECT_TRUE(close(packed.hessian(cross_entropy((*net)(small_inputs()), small_labels())), h, 1e-11, 1e-14));
  packed.set(values * 3.0);
  EXPECT_TRUE(close(packed.values(), values * 3.0, 0));
}

// A quadratic is solved at once, up to the first steps' damping; its minimum is known.
TEST(Minimise, FindsTheMinimumOfAQuadratic) {
  Parameter w("w", {6}, DType::f64);
  w.set(wave(1, {6}));
  const Tensor a = reshape(wave(2, {36}), {6, 6}), h = matmul(a, a, {.b = true}) + eye(6), minimum = wave(3, {6});
  auto loss = [&] {
    const Tensor d = reshape(w.value() - minimum, {6, 1});
    return sum(d * matmul(h, d)) * 0.5;
  };
  const Minimum m = minimise(loss, {&w});
  EXPECT_TRUE(m.converged);
  EXPECT_LT(m.steps, 15);
  EXPECT_TRUE(close(w.leaf().detach(), minimum, 0, 1e-8));
}

// Rosenbrock's valley, from where the Hessian is indefinite; the minimum is (1, 1).
TEST(Minimise, FollowsABentValleyPastNegativeCurvature) {
  Parameter w("w", {2}, DType::f64);
  w.set(tensor({-0.5, 2.0}));
  auto loss = [&] {
    const Tensor x = slice(w.value(), 0, 0, 1), y = slice(w.value(), 0, 1, 2), u = 1 - x, v = y - x * x;
    return sum(u * u + 100 * v * v);
  };
  EXPECT_FALSE(cholesky(Flat({&w}).hessian(loss())));
  const Minimum m = minimise(loss, {&w});
  EXPECT_TRUE(m.converged);
  EXPECT_NEAR(w.leaf().at(0), 1, 1e-6);
  EXPECT_NEAR(w.leaf().at(1), 1, 1e-6);
}

TEST(Minimise, BringsANetworksGradientToNothingAndPrunedWeightsStay) {
  auto net = small_net();
  Parameter& p = net->parameter("fc1.weight");
  p.set_mask(mask_of({5, 4}, [](std::int64_t i) { return i % 3 != 0; }));
  auto loss = [&] {
    Tensor total = cross_entropy((*net)(small_inputs()), small_labels());
    for (Parameter* q : net->parameters()) total = total + sum(q->value() * q->value()) * 5e-3;
    return total;
  };
  const double before = loss().item();
  const Minimum m = minimise(loss, net->parameters());
  EXPECT_TRUE(m.converged) << m.gradient;
  EXPECT_LT(m.loss, before);
  EXPECT_NEAR(m.loss, loss().item(), 1e-12);
  EXPECT_TRUE(cholesky(Flat(net->parameters()).hessian(loss())));  // a minimum, not a saddle
  for (std::int64_t i = 0; i < 20; i += 3) EXPECT_EQ(p.leaf().at(i), 0);

  // From nearby, with the Hessian of the minimum, back to the same place.
  Flat flat(net->parameters());
  const auto c = cholesky(flat.hessian(loss()));
  const Tensor minimum = flat.values();
  flat.set(minimum + reshape(wave(3, {flat.size()}, 0.02), {flat.size()}));
  const Minimum back = settle(loss, net->parameters(), matmul(c->inverse, c->inverse, {.a = true}));
  EXPECT_TRUE(back.converged);
  EXPECT_GT(back.steps, 1);
  EXPECT_TRUE(close(flat.values(), minimum, 0, 1e-5));
  EXPECT_TRUE(refuses([&] { settle(loss, net->parameters(), eye(3)); }, {"(3, 3)"}));
}

// More than 300 weights: conjugate gradients instead of a factored Hessian, with some weights pruned.
TEST(Minimise, OfManyWeightsNeedsProductsOnly) {
  Sequential net;
  net.add<Linear>("fc1", 12, 30).add<Tanh>("tanh").add<Linear>("fc2", 30, 4);
  net.to(DType::f64);
  initialize(net, {}, Random(1));
  Parameter& p = net.parameter("fc1.weight");
  p.set_mask(mask_of(p.shape(), [](std::int64_t i) { return i % 5 != 0; }));
  const Tensor x = Random(2).normal({60, 12}, 0, 1, DType::f64);
  auto loss = [&] {
    Tensor total = cross_entropy(net(x), labels(60, 4));
    for (Parameter* q : net.parameters()) total = total + sum(q->value() * q->value()) * 1e-2;
    return total;
  };
  Flat flat(net.parameters());
  ASSERT_EQ(flat.size(), 288 + 30 + 120 + 4);
  const Minimum m = minimise(loss, net.parameters());
  EXPECT_TRUE(m.converged) << m.gradient << " after " << m.steps;
  EXPECT_LT(m.steps, 60);
  EXPECT_TRUE(cholesky(flat.hessian(loss())));  // a minimum, not a saddle
  for (std::int64_t i = 0; i < p.numel(); i += 5) EXPECT_EQ(p.leaf().at(i), 0);
  // H v from products is H times v, pruned rows and all.
  const Tensor v = wave(3, {flat.size()});
  const Tensor product = flat.hessian_products(loss())(v), whole = matmul(flat.hessian(loss()), reshape(v, {flat.size(), 1}));
  EXPECT_TRUE(close(product, reshape(whole, {flat.size()}), 1e-9, 1e-12));
}

}  // namespace
}  // namespace bonsai::nn
