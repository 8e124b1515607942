// Optimizers: ten steps against PyTorch, and their state by name and back.
#include "nn/optimizers.h"

#include <numeric>

#include "tests/nn/golden_values.h"
#include "tests/nn/optimizers_support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

void expect_golden(const char* name, const std::function<std::unique_ptr<Optimizer>(Parameters)>& make, double rate) {
  auto net = small_net();
  auto optimizer = make(net->parameters());
  std::vector<double> got;
  for (int i = 0; i < 10; ++i) got.push_back(one_step(*net, *optimizer, rate));
  for (Parameter* p : net->parameters())
    for (double v : p->leaf().to_vector<double>()) got.push_back(v);
  const std::vector<double>& want = golden_values.at(name);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(std::abs(got[i] - want[i]) <= 1e-10 * std::abs(want[i])) << name << " " << i << ": " << got[i] << " " << want[i];
}

template <class O, class Options>
std::function<std::unique_ptr<Optimizer>(Parameters)> making(Options o) {
  return [=](Parameters p) { return std::make_unique<O>(p, o); };
}

TEST(OptimizerGolden, Sgd) { expect_golden("sgd", making<SGD>(SgdOptions{}), 0.3); }
TEST(OptimizerGolden, SgdDecay) { expect_golden("sgd_decay", making<SGD>(SgdOptions{.weight_decay = 0.05}), 0.3); }
TEST(OptimizerGolden, Momentum) { expect_golden("momentum", making<SGD>(SgdOptions{.momentum = 0.9}), 0.1); }
TEST(OptimizerGolden, NesterovDecay) {
  expect_golden("nesterov_decay", making<SGD>(SgdOptions{.momentum = 0.9, .weight_decay = 0.02, .nesterov = true}), 0.1);
}
TEST(OptimizerGolden, Adam) { expect_golden("adam", making<Adam>(AdamOptions{}), 0.05); }
TEST(OptimizerGolden, AdamDecay) {
  expect_golden("adam_decay", making<Adam>(AdamOptions{.beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0.1}), 0.05);
}
TEST(OptimizerGolden, AdamW) { expect_golden("adamw", making<AdamW>(AdamOptions{.weight_decay = 0.1}), 0.05); }

// A rounding error of f32 is all that may separate the types.
TEST(Optimizers, F32FollowsF64) {
  for (const auto& o : every_optimizer) {
    auto wide = small_net(), narrow = small_net(DType::f32);
    auto a = o.make(wide->parameters()), b = o.make(narrow->parameters());
    for (int i = 0; i < 10; ++i) one_step(*wide, *a, o.rate), one_step(*narrow, *b, o.rate, DType::f32);
    for (Parameter* p : wide->parameters())
      EXPECT_TRUE(close(cast(narrow->parameter(p->name()).leaf().detach(), DType::f64), p->leaf(), 1e-4, 1e-5)) << o.name << " " << p->name();
  }
}

TEST(Optimizers, StepDropsTheGradientsAndLeavesParametersWithoutOne) {
  for (const auto& o : every_optimizer) {
    auto net = small_net();
    Parameter &used = net->parameter("fc1.weight"), &unused = net->parameter("fc2.weight");
    const Tensor before = clone(unused.leaf());
    auto optimizer = o.make(net->parameters());
    backward(sum(used.value() * used.value()));
    ASSERT_TRUE(used.gradient().defined());
    optimizer->step(0.1);
    EXPECT_FALSE(used.gradient().defined()) << o.name;
    EXPECT_TRUE(same_bits(unused.leaf(), before)) << o.name;  // not even decayed: it took no part
  }
}

TEST(Optimizers, StateIsNamedAfterTheParameters) {
  auto net = small_net();
  Adam adam(net->parameters());
  ASSERT_EQ(adam.state().size(), 1u);  // before the first step: the count alone
  one_step(*net, adam, 0.1);
  std::vector<std::string> names;
  for (auto& [name, t] : adam.state()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"optimizer.steps", "optimizer.fc1.weight.m", "optimizer.fc1.weight.v", "optimizer.fc1.bias.m",
                                             "optimizer.fc1.bias.v", "optimizer.fc2.weight.m", "optimizer.fc2.weight.v",
                                             "optimizer.fc2.bias.m", "optimizer.fc2.bias.v"}));
  SGD plain(net->parameters());
  one_step(*net, plain, 0.1);
  EXPECT_EQ(plain.state().size(), 1u);  // without momentum there is nothing to remember
  EXPECT_EQ(plain.state()[0].second.item(), 1);
}

// Stopped at step 5 and taken up by new objects, half of the weights pruned: the bits of a run that was never stopped.
TEST(Optimizers, ASavedStateContinuesBitForBit) {
  for (const auto& o : every_optimizer)
    for (const int saved_at : {0, 5}) {
      auto masked_net = [] {
        auto net = small_net(DType::f32);
        Parameter& p = net->parameter("fc1.weight");
        p.set_mask(mask_of(p.shape(), [](auto i) { return i % 2 == 0; }));
        return net;
      };
      auto whole = masked_net();
      auto optimizer = o.make(whole->parameters());
      std::vector<std::pair<std::string, Tensor>> state;
      std::vector<Tensor> values;
      for (int i = 0; i < 10; ++i) {
        if (i == saved_at) {
          state = optimizer->state();  // what it was then, whatever the optimizer does later
          for (Parameter* p : whole->parameters()) values.push_back(clone(p->leaf()));
        }
        one_step(*whole, *optimizer, o.rate, DType::f32);
      }
      auto resumed = masked_net();
      for (std::size_t i = 0; i < values.size(); ++i) resumed->parameters()[i]->set(values[i]);
      auto second = o.make(resumed->parameters());
      second->load_state(state);
      for (int i = saved_at; i < 10; ++i) one_step(*resumed, *second, o.rate, DType::f32);
      for (Parameter* p : whole->parameters())
        EXPECT_TRUE(same_bits(resumed->parameter(p->name()).leaf(), p->leaf())) << o.name << " " << p->name();
      const auto a = optimizer->state(), b = second->state();
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same_bits(a[i].second, b[i].second)) << o.name << " " << a[i].first;
    }
}

TEST(Optimizers, LoadingTheStateOfABeginningForgetsWhatWasLearned) {
  for (const auto& o : every_optimizer) {
    auto used = small_net(), fresh = small_net();
    auto a = o.make(used->parameters()), b = o.make(fresh->parameters());
    const auto beginning = a->state();
    for (int i = 0; i < 3; ++i) one_step(*used, *a, o.rate);
    a->load_state(beginning);
    for (Parameter* p : fresh->parameters()) used->parameter(p->name()).set(p->leaf());
    for (int i = 0; i < 3; ++i) one_step(*used, *a, o.rate), one_step(*fresh, *b, o.rate);
    for (Parameter* p : fresh->parameters()) EXPECT_TRUE(same_bits(used->parameter(p->name()).leaf(), p->leaf())) << o.name << " " << p->name();
  }
}

TEST(Optimizers, AStateThatDoesNotFitIsRefusedAndChangesNothing) {
  auto net = small_net();
  Adam adam(net->parameters());
  for (int i = 0; i < 3; ++i) one_step(*net, adam, 0.1);
  const auto good = adam.state();
  auto without = [&](const std::string& name) {
    auto s = good;
    std::erase_if(s, [&](const auto& entry) { return entry.first == name; });
    return s;
  };
  auto with = [&](const std::string& name, const Tensor& t) {
    auto s = without(name);
    s.emplace_back(name, t);
    return s;
  };
  Adam other(net->parameters());
  one_step(*net, other, 0.1);
  const auto before = other.state();
  EXPECT_TRUE(refuses([&] { other.load_state({}); }, {"optimizer.steps"}));
  EXPECT_TRUE(refuses([&] { other.load_state(without("optimizer.fc2.bias.v")); }, {"\"optimizer.fc2.bias.v\"", "(3)"}));
  const auto misshapen = with("optimizer.fc1.weight.m", zeros({4, 5}, DType::f64));
  EXPECT_TRUE(refuses([&] { other.load_state(misshapen); }, {"\"optimizer.fc1.weight.m\"", "(5, 4)"}));
  EXPECT_TRUE(refuses([&] { other.load_state(with("optimizer.steps", zeros({1}))); }, {"optimizer.steps", "i64"}));
  const auto after = other.state();
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(same_bits(after[i].second, before[i].second)) << before[i].first;
}

// A network turned to f64 (for an exact Hessian) in the middle of a training: the state follows.
TEST(Optimizers, TheStateFollowsTheNetworkIntoAnotherType) {
  for (const auto& o : every_optimizer) {
    auto net = small_net(DType::f32), wide = small_net();
    auto optimizer = o.make(net->parameters()), reference = o.make(wide->parameters());
    for (int i = 0; i < 3; ++i) one_step(*net, *optimizer, o.rate, DType::f32), one_step(*wide, *reference, o.rate);
    net->to(DType::f64);
    for (int i = 0; i < 3; ++i) one_step(*net, *optimizer, o.rate), one_step(*wide, *reference, o.rate);
    for (Parameter* p : wide->parameters())
      EXPECT_TRUE(close(net->parameter(p->name()).leaf(), p->leaf(), 1e-4, 1e-5)) << o.name << " " << p->name();
  }
}

TEST(Optimizers, RefuseAbsurdNumbers) {
  auto net = small_net();
  auto sgd = [&](SgdOptions o) { return [&net, o] { SGD(net->parameters(), o); }; };
  auto adam = [&](AdamOptions o) { return [&net, o] { Adam(net->parameters(), o); }; };
  EXPECT_TRUE(refuses(sgd({.momentum = 1}), {"momentum", "[0, 1)"}));
  EXPECT_TRUE(refuses(sgd({.momentum = -0.1}), {"momentum"}));
  EXPECT_TRUE(refuses(sgd({.momentum = std::nan("")}), {"momentum"}));
  EXPECT_TRUE(refuses(sgd({.weight_decay = -1}), {"weight decay"}));
  EXPECT_TRUE(refuses(sgd({.nesterov = true}), {"Nesterov"}));
  EXPECT_TRUE(refuses(adam({.beta1 = 1}), {"betas"}));
  EXPECT_TRUE(refuses(adam({.beta2 = -0.5}), {"betas"}));
  EXPECT_TRUE(refuses(adam({.epsilon = 0}), {"epsilon"}));
  EXPECT_TRUE(refuses(adam({.weight_decay = -0.5}), {"weight decay"}));
}

}  // namespace
}  // namespace bonsai::nn
