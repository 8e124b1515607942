// Hard masks. A pruned weight has value 0, gradient 0 and state 0, and nothing brings it back: not momentum that had built up before
// it was pruned, not weight decay, not a gradient that is NaN or infinite. Popular code lets each of these happen.
#include <limits>

#include "core/derivatives.h"
#include "nn/init.h"
#include "tests/nn/optimizers_support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

bool kept(std::int64_t i) { return i % 3 != 1; }

void prune(Parameter& p) { p.set_mask(mask_of(p.shape(), kept)); }

// The state of a parameter by name, all of its tensors.
std::vector<Tensor> state_of(const Optimizer& o, const Parameter& p) {
  std::vector<Tensor> all;
  for (auto& [name, t] : o.state())
    if (name.starts_with("optimizer." + p.name() + ".")) all.push_back(t);
  return all;
}

void expect_nothing_there(const Optimizer& o, const Parameter& p, const char* what) {
  for (std::int64_t i = 0; i < p.numel(); ++i) {
    if (kept(i)) continue;
    EXPECT_EQ(p.leaf().at(i), 0) << what << " " << p.name() << " " << i;
    EXPECT_EQ(p.value().at(i), 0) << what << " " << p.name() << " " << i;
    for (const Tensor& s : state_of(o, p)) EXPECT_EQ(s.at(i), 0) << what << " state of " << p.name() << " " << i;
  }
}

TEST(Masks, APrunedWeightStaysAtNothingForTwentySteps) {
  for (const auto& o : every_optimizer)
    for (const int pruned_at : {0, 7})  // at 7 momentum has built up
      for (const DType t : {DType::f32, DType::f64}) {
        auto net = small_net(t);
        auto optimizer = o.make(net->parameters());
        for (int i = 0; i < pruned_at + 20; ++i) {
          if (i == pruned_at)
            for (const char* name : {"fc1.weight", "fc2.weight"}) prune(net->parameter(name));
          if (i >= pruned_at)
            for (const char* name : {"fc1.weight", "fc2.weight"}) expect_nothing_there(*optimizer, net->parameter(name), o.name);
          const Tensor loss = cross_entropy((*net)(small_inputs(t)), small_labels());
          backward(loss);
          if (i >= pruned_at)
            for (const char* name : {"fc1.weight", "fc2.weight"}) {
              const Tensor g = net->parameter(name).gradient();
              for (std::int64_t k = 0; k < g.numel(); ++k)
                EXPECT_TRUE(kept(k) || g.at(k) == 0) << o.name << " " << g.at(k);
            }
          optimizer->step(o.rate);
        }
        for (const char* name : {"fc1.weight", "fc2.weight"}) {
          net->parameter(name).clear_mask();  // the optimizer's own state, with no mask in front of it: a weight that is opened starts afresh
          expect_nothing_there(*optimizer, net->parameter(name), o.name);
        }
      }
}

// NaN times 0 is NaN: a mask that is multiplied in does not hold here, one that chooses does.
TEST(Masks, NotEvenANaNOrAnInfinityComesThrough) {
  for (const auto& o : every_optimizer)
    for (const double poison : {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
      Parameter p("w", {40}, DType::f64);
      p.set(wave(1, {40}));
      prune(p);
      auto optimizer = o.make({&p});
      const Tensor factors = where(p.mask(), ones({40}, DType::f64), full({40}, poison, DType::f64));
      for (int i = 0; i < 3; ++i) {
        Tensor y = p.value();
        backward(y, {.seed = factors});  // the gradient that reaches the mask is poison wherever it prunes
        for (std::int64_t k = 0; k < 40; ++k) EXPECT_EQ(p.gradient().at(k), kept(k) ? 1 : 0) << o.name;
        Tensor gradient = p.gradient();
        if (i > 0) copy_into(gradient, factors);  // and here the optimizer itself is given it
        optimizer->step(o.rate);
        p.clear_mask();
        expect_nothing_there(*optimizer, p, o.name);
        prune(p);
        for (std::int64_t k = 0; k < 40; ++k) EXPECT_TRUE(std::isfinite(p.leaf().at(k))) << o.name;
      }
    }
}

// Kept weights move as in a network without a mask whose pruned weights are put back to 0 after every step: computed with plain loops.
TEST(Masks, KeptWeightsMoveAsIfThePrunedOnesWereHeldAtZero) {
  for (const auto& o : every_optimizer) {
    auto net = small_net();
    SlowMlp slow;
    Numbers first[4], second[4];
    for (int k = 0; k < 4; ++k) {
      Parameter& p = *net->parameters()[k];
      slow.p[k] = p.leaf().to_vector<double>();
      first[k] = second[k] = Numbers(slow.p[k].size(), 0);
      if (k % 2) continue;
      prune(p);
      for (std::size_t i = 0; i < slow.p[k].size(); ++i) slow.keep[k].push_back(kept(static_cast<std::int64_t>(i)));
    }
    slow.hold_pruned_at_zero();
    auto optimizer = o.make(net->parameters());
    const Numbers x = small_inputs().to_vector<double>();
    const auto y = small_labels().to_vector<std::int64_t>();
    for (int t = 1; t <= 20; ++t) {
      const double want = slow.loss(x, y), got = one_step(*net, *optimizer, o.rate);
      EXPECT_TRUE(std::abs(got - want) <= 1e-11) << o.name << " step " << t << ": " << got << " " << want;
      for (int k = 0; k < 4; ++k)
        for (std::size_t i = 0; i < slow.p[k].size(); ++i) o.rule(slow.p[k][i], slow.g[k][i], first[k][i], second[k][i], o.rate, t);
      slow.hold_pruned_at_zero();
    }
    for (int k = 0; k < 4; ++k) {
      const Parameter& p = *net->parameters()[k];
      EXPECT_TRUE(close(p.leaf(), tensor(std::span<const double>(slow.p[k]), p.shape()), 1e-9, 1e-11)) << o.name << " " << p.name();
    }
  }
}

// A popular lottery-ticket program masks where `weight < epsilon` and so freezes every negative weight.
TEST(Masks, NegativeWeightsLearn) {
  for (const auto& o : every_optimizer) {
    auto net = small_net();
    Parameter& p = net->parameter("fc1.weight");
    prune(p);
    const Tensor before = clone(p.leaf());
    auto optimizer = o.make(net->parameters());
    one_step(*net, *optimizer, o.rate);
    for (std::int64_t i = 0; i < p.numel(); ++i)
      EXPECT_EQ(p.leaf().at(i) != before.at(i), kept(i)) << o.name << " " << i;
  }
}

TEST(Masks, SetTakesValuesWhereTheMaskKeeps) {
  Parameter p("w", {4});
  p.set(tensor({1.f, 2.f, 3.f, 4.f}));
  EXPECT_FALSE(p.is_masked());
  EXPECT_EQ(p.kept(), 4);
  p.set_mask(tensor<std::uint8_t>({1, 0, 1, 0}));
  EXPECT_EQ(p.leaf().to_vector<float>(), (std::vector<float>{1, 0, 3, 0}));
  EXPECT_EQ(p.kept(), 2);
  EXPECT_EQ(p.density(), 0.5);
  p.set(tensor({5.0, std::nan(""), 7.0, 8.0}));  // of another type, and not a number where nobody looks
  EXPECT_EQ(p.leaf().to_vector<float>(), (std::vector<float>{5, 0, 7, 0}));
  p.set_mask(tensor<std::uint8_t>({1, 1, 0, 0}));  // replaces: what an earlier mask pruned comes back as 0
  EXPECT_EQ(p.leaf().to_vector<float>(), (std::vector<float>{5, 0, 0, 0}));
  p.clear_mask();
  EXPECT_EQ(p.kept(), 4);
  p.set(tensor({1.f, 2.f, 3.f, 4.f}));
  EXPECT_EQ(p.leaf().to_vector<float>(), (std::vector<float>{1, 2, 3, 4}));
}

TEST(Masks, TheMaskIsOurOwnCopy) {
  Parameter p("w", {3});
  Tensor mask = tensor<std::uint8_t>({1, 0, 1});
  p.set_mask(mask);
  fill(mask, 0);
  EXPECT_EQ(p.kept(), 2);
}

TEST(Masks, AGradientThatIsThereIsPrunedToo) {
  Parameter p("w", {3}, DType::f64);
  p.set(tensor({1.0, 2.0, 3.0}));
  backward(sum(p.value() * p.value()));
  p.set_mask(tensor<std::uint8_t>({1, 0, 1}));
  EXPECT_EQ(p.gradient().to_vector<double>(), (std::vector<double>{2, 0, 6}));
}

TEST(Masks, RefuseWhatDoesNotFit) {
  Parameter p("fc1.weight", {2, 3});
  EXPECT_TRUE(refuses([&] { p.set(zeros({3, 2})); }, {"\"fc1.weight\"", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { p.set_mask(ones({3, 2}, DType::u8)); }, {"\"fc1.weight\"", "(3, 2)", "(2, 3)"}));
  EXPECT_TRUE(refuses([&] { p.set_mask(ones({2, 3})); }, {"\"fc1.weight\"", "f32", "u8"}));
  EXPECT_TRUE(refuses([&] { p.set_mask(full({2, 3}, 2, DType::u8)); }, {"\"fc1.weight\"", "2"}));
  EXPECT_FALSE(p.is_masked());
  EXPECT_TRUE(refuses([&] { p.to(DType::i64); }, {"i64"}));
  EXPECT_EQ(p.leaf().dtype(), DType::f32);
}

// f(w) = Σ c (m w)³: gradient 3 c m w², second derivative 6 c m w on the diagonal.
TEST(Masks, MaskedIsDifferentiatedRightTwice) {
  Parameter p("w", {6}, DType::f64);
  p.set(wave(1, {6}));
  prune(p);
  const Tensor c = wave(2, {6}), w = p.leaf().detach(), m = cast(p.mask(), DType::f64);
  auto f = [&] { return sum(c * p.value() * p.value() * p.value()); };
  EXPECT_TRUE(close(grad(f(), {p.leaf()})[0], 3.0 * c * w * w * m, 1e-14));
  const Tensor h = hessian(f(), {p.leaf()});
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < 6; ++j) EXPECT_NEAR(h.at(i * 6 + j), i == j && kept(i) ? 6 * c.at(i) * w.at(i) : 0, 1e-14);
}

// In a whole network: the Hessian's kept block is that of the network without masks at the same weights, the pruned rows are 0.
TEST(Masks, TheHessianOfAMaskedNetworkIsTheKeptBlock) {
  auto masked_net = small_net(), dense = small_net();
  Parameter &p = masked_net->parameter("fc1.weight"), &q = dense->parameter("fc1.weight");
  prune(p);
  q.set(p.leaf());
  const Tensor a = hessian(cross_entropy((*masked_net)(small_inputs()), small_labels()), {p.leaf()});
  const Tensor b = hessian(cross_entropy((*dense)(small_inputs()), small_labels()), {q.leaf()});
  for (int i = 0; i < 20; ++i)
    for (int j = 0; j < 20; ++j) EXPECT_NEAR(a.at(i * 20 + j), kept(i) && kept(j) ? b.at(i * 20 + j) : 0, 1e-14);
}

TEST(Masks, ThroughF64AndBackNothingIsLost) {
  auto net = small_net(DType::f32);
  Parameter& p = net->parameter("fc1.weight");
  prune(p);
  const Tensor before = clone(p.leaf());
  backward(sum(p.value()));
  net->to(DType::f64);
  EXPECT_EQ(p.leaf().dtype(), DType::f64);
  EXPECT_FALSE(p.gradient().defined());
  EXPECT_TRUE(p.is_masked());
  EXPECT_TRUE(p.leaf().requires_grad());
  net->to(DType::f32);
  EXPECT_TRUE(same_bits(p.leaf(), before));
  EXPECT_EQ(p.kept(), 13);
}

}  // namespace
}  // namespace bonsai::nn
