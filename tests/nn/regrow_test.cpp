// Weights that come back: regrown ones start at 0 with fresh optimizer state; softly masked ones never left.
#include "core/derivatives.h"
#include "tests/nn/optimizers_support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

bool kept(std::int64_t i) { return i % 3 != 1; }

TEST(Regrow, OpensPrunedEntriesWithValueZero) {
  Parameter p("w", {4}, DType::f64);
  p.set(tensor({1.0, 2.0, 3.0, 4.0}));
  p.set_mask(tensor<std::uint8_t>({1, 0, 1, 0}));
  p.regrow(tensor<std::uint8_t>({0, 1, 0, 0}));
  EXPECT_EQ(p.mask().to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{1, 1, 1, 0}));
  EXPECT_EQ(p.leaf().to_vector<double>(), (std::vector<double>{1, 0, 3, 0}));
  EXPECT_TRUE(refuses([&] { p.regrow(tensor<std::uint8_t>({1, 0, 0, 0})); }, {"\"w\"", "entry 0"}));
  Parameter dense("v", {4});
  EXPECT_TRUE(refuses([&] { dense.regrow(ones({4}, DType::u8)); }, {"\"v\"", "nothing is pruned"}));
}

// Pruned and regrown between two steps: momentum and moments that had built up must not act on the weight that is new.
TEST(Regrow, StateIsFreshEvenWithoutAStepInBetween) {
  for (const auto& o : every_optimizer) {
    auto net = small_net();
    auto optimizer = o.make(net->parameters());
    for (int i = 0; i < 5; ++i) one_step(*net, *optimizer, o.rate);
    Parameter& p = net->parameter("fc1.weight");
    p.set_mask(mask_of(p.shape(), kept));
    p.regrow(mask_of(p.shape(), [](std::int64_t i) { return !kept(i); }));
    auto expect_fresh = [&] {
      for (auto& [name, t] : optimizer->state()) {
        if (!name.starts_with("optimizer.fc1.weight.")) continue;
        for (std::int64_t i = 0; i < t.numel(); ++i) EXPECT_TRUE(kept(i) || t.at(i) == 0) << o.name << " " << name << " " << i;
      }
    };
    expect_fresh();  // what is saved
    Tensor zero = zeros_like(p.leaf());
    backward(sum(p.value() * zero));  // a step with gradient 0: only old state and decay (of a weight 0) could move it
    optimizer->step(o.rate);
    for (std::int64_t i = 0; i < p.numel(); ++i)
      EXPECT_TRUE(kept(i) || p.leaf().at(i) == 0) << o.name << " " << i;
    expect_fresh();  // and what is there
  }
}

// A network is built with the mask it once started from, then gets the mask it was saved with, and last the state that goes with it. What
// grew between the two masks has state of its own, and must not lose it at the next step.
TEST(Regrow, LoadedStateBelongsToTheMaskAsItIs) {
  for (const auto& o : every_optimizer) {
    auto net = small_net(), other = small_net();
    auto optimizer = o.make(net->parameters()), taken_up = o.make(other->parameters());
    Parameter &p = net->parameter("fc1.weight"), &q = other->parameter("fc1.weight");
    p.set_mask(mask_of(p.shape(), kept));
    q.set_mask(p.mask());
    one_step(*net, *optimizer, o.rate);
    p.regrow(mask_of(p.shape(), [](std::int64_t i) { return i == 1 || i == 4; }));
    one_step(*net, *optimizer, o.rate);
    q.set_mask(p.mask());
    for (std::size_t i = 0; i < net->parameters().size(); ++i) other->parameters()[i]->set(net->parameters()[i]->leaf().detach());
    taken_up->load_state(optimizer->state());
    one_step(*net, *optimizer, o.rate);
    one_step(*other, *taken_up, o.rate);
    EXPECT_TRUE(same_bits(p.leaf(), q.leaf())) << o.name;
    EXPECT_NE(p.leaf().at(1), 0);
  }
}

TEST(SoftMask, ActsInTheForwardPassOnly) {
  Parameter p("w", {4}, DType::f64);
  p.set(tensor({1.0, 2.0, 3.0, 4.0}));
  p.set_soft_mask(tensor<std::uint8_t>({1, 0, 1, 0}));
  EXPECT_FALSE(p.is_masked());
  EXPECT_EQ(p.kept(), 2);
  EXPECT_EQ(p.value().to_vector<double>(), (std::vector<double>{1, 0, 3, 0}));
  EXPECT_EQ(p.leaf().to_vector<double>(), (std::vector<double>{1, 2, 3, 4}));
  const Tensor c = tensor({5.0, 6.0, 7.0, 8.0});
  backward(sum(c * p.value()));
  EXPECT_EQ(p.gradient().to_vector<double>(), (std::vector<double>{5, 6, 7, 8}));  // straight through
  p.set_soft_mask({});
  EXPECT_EQ(p.value().to_vector<double>(), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_TRUE(refuses([&] { p.set_soft_mask(ones({3}, DType::u8)); }, {"\"w\"", "(3)", "(4)"}));
}

TEST(SoftMask, ComesOnTopOfAHardOne) {
  Parameter p("w", {4}, DType::f64);
  p.set(tensor({1.0, 2.0, 3.0, 4.0}));
  p.set_mask(tensor<std::uint8_t>({0, 1, 1, 1}));
  p.set_soft_mask(tensor<std::uint8_t>({1, 0, 1, 0}));
  EXPECT_EQ(p.kept(), 1);
  EXPECT_EQ(p.value().to_vector<double>(), (std::vector<double>{0, 0, 3, 0}));
  backward(sum(p.value()));
  EXPECT_EQ(p.gradient().to_vector<double>(), (std::vector<double>{0, 1, 1, 1}));
}

// f = Σ c (m w)³: the first derivative is 3 c (m w)², the second 6 c (m w), since the second pass goes straight through as well.
TEST(SoftMask, IsDifferentiatedTwice) {
  Parameter p("w", {6}, DType::f64);
  p.set(wave(1, {6}));
  p.set_soft_mask(mask_of({6}, kept));
  const Tensor c = wave(2, {6}), v = p.value().detach();
  auto f = [&] { return sum(c * p.value() * p.value() * p.value()); };
  EXPECT_TRUE(close(grad(f(), {p.leaf()})[0], 3.0 * c * v * v, 1e-14));
  const Tensor h = hessian(f(), {p.leaf()});
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(h.at(i * 7), 6 * c.at(i) * v.at(i), 1e-14);
}

}  // namespace
}  // namespace bonsai::nn
