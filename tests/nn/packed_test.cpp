// Packed parameters: the same network as with a mask, in less room. Values, gradients, optimizers' state and two hundred steps of training
// agree; going from one form to the other loses nothing; what would break the pattern is refused.
#include "core/derivatives.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "tests/nn/optimizers_support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

bool kept(std::int64_t i) { return i % 3 != 1; }
void prune(Module& net) {
  for (Parameter* p : net.parameters())
    if (p->shape().rank() == 2) p->set_mask(mask_of(p->shape(), kept));
}
void pack(Module& net) {
  for (Parameter* p : net.parameters())
    if (p->shape().rank() == 2) p->pack();
}

TEST(Packed, KeepsTheValuesAndComesBack) {
  Parameter p("w", {3, 4}, DType::f64);
  p.set(wave(1, {3, 4}));
  p.set_mask(mask_of({3, 4}, kept));
  const Tensor before = clone(p.leaf()), mask = clone(p.mask());
  p.pack();
  EXPECT_TRUE(p.is_packed());
  EXPECT_FALSE(p.is_masked());
  EXPECT_EQ(p.leaf().shape(), (Shape{8}));
  EXPECT_EQ(p.shape(), (Shape{3, 4}));
  EXPECT_EQ(p.kept(), 8);
  EXPECT_EQ(p.numel(), 12);
  EXPECT_TRUE(p.leaf().requires_grad());
  EXPECT_TRUE(same_bits(p.dense_values(), before));
  EXPECT_TRUE(same_bits(p.dense_mask(), mask));
  p.set(wave(2, {3, 4}));  // rewinding and loading: pruned entries stay away
  p.unpack();
  EXPECT_TRUE(same_bits(p.mask(), mask));
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_EQ(p.leaf().at(i), kept(i) ? wave(2, {12}).at(i) : 0);
  Parameter dense("v", {2, 2, 3});  // without a mask everything is kept; axes after the first are columns
  dense.pack();
  EXPECT_EQ(dense.kept(), 12);
  EXPECT_EQ(dense.pattern()->columns, 6);
  dense.unpack();
  EXPECT_EQ(dense.leaf().shape(), (Shape{2, 2, 3}));
}

TEST(Packed, ComputesWhatTheMaskedNetworkComputes) {
  for (const bool only_first : {false, true}) {  // a dense layer may follow a packed one
    auto masked = small_net(), packed = small_net();
    prune(*masked);
    prune(*packed);
    if (only_first) packed->parameter("fc1.weight").pack();
    else pack(*packed);
    EXPECT_TRUE(close((*packed)(small_inputs()), (*masked)(small_inputs()), 1e-14, 1e-14));
    const Tensor a = cross_entropy((*masked)(small_inputs()), small_labels()), b = cross_entropy((*packed)(small_inputs()), small_labels());
    backward(a);
    backward(b);
    for (std::size_t i = 0; i < masked->parameters().size(); ++i) {
      const Parameter &p = *masked->parameters()[i], &q = *packed->parameters()[i];
      const Tensor g = q.is_packed() ? reshape(unpack(q.gradient(), *q.pattern()), q.shape()) : q.gradient();
      EXPECT_TRUE(close(g, p.gradient(), 1e-12, 1e-15)) << p.name();
    }
  }
  Linear alone(4, 5);  // outside a Sequential, too
  alone.to(DType::f64);
  initialize(alone, {}, Random(1));
  const Tensor y = alone(small_inputs());
  alone.weight().pack();
  EXPECT_TRUE(close(alone(small_inputs()), y, 1e-14, 1e-14));
}

TEST(Packed, IsDifferentiatedTwice) {
  auto masked = small_net(), packed = small_net();
  prune(*masked);
  prune(*packed);
  pack(*packed);
  auto whole = [](Module& net) {
    Tensors xs;
    for (Parameter* p : net.parameters()) xs.push_back(p->leaf());
    return hessian(cross_entropy(net(small_inputs()), small_labels()), xs);
  };
  const Tensor h = whole(*packed), dense = whole(*masked);
  std::vector<std::int64_t> places;
  std::int64_t n = 0;
  for (Parameter* p : masked->parameters()) {
    for (std::int64_t i = 0; i < p->numel(); ++i)
      if (!p->is_masked() || kept(i)) places.push_back(n + i);
    n += p->numel();
  }
  const Tensor pick = tensor(std::span<const std::int64_t>(places), {static_cast<std::int64_t>(places.size())});
  EXPECT_TRUE(close(h, index_select(index_select(dense, pick, 0), pick, 1), 1e-11, 1e-14));
}

// From the same weights and masks: losses of 200 steps, 1e-9 in f64 and 1e-4 in f32.
TEST(Packed, TrainsAsTheMaskedNetworkDoes) {
  for (const auto& o : every_optimizer)
    for (const DType t : {DType::f32, DType::f64}) {
      auto masked = small_net(t), packed = small_net(t);
      prune(*masked);
      prune(*packed);
      pack(*packed);
      auto a = o.make(masked->parameters()), b = o.make(packed->parameters());
      for (int i = 0; i < 200; ++i) {
        const double x = one_step(*masked, *a, o.rate, t), y = one_step(*packed, *b, o.rate, t);
        ASSERT_TRUE(std::abs(x - y) <= (t == DType::f64 ? 1e-9 : 1e-4) * std::abs(x)) << o.name << " step " << i << ": " << x << " " << y;
      }
      for (std::size_t i = 0; i < masked->parameters().size(); ++i)
        EXPECT_TRUE(close(packed->parameters()[i]->dense_values(), masked->parameters()[i]->leaf().detach(), t == DType::f64 ? 1e-7 : 1e-2, t == DType::f64 ? 1e-9 : 1e-3)) << o.name;
    }
}

TEST(Packed, LeNetTrainsAsItDoesWithMasks) {
  auto masked = lenet_300_100(), packed = lenet_300_100();
  for (Sequential* net : {masked.get(), packed.get()}) {
    initialize(*net, {}, Random(1));
    for (Parameter* p : net->parameters())
      if (p->shape().rank() == 2) p->set_mask(cast(Random(2).derive(p->name()).bernoulli(p->shape(), 0.1), DType::u8));
  }
  pack(*packed);
  Adam a(masked->parameters()), b(packed->parameters());
  for (int i = 0; i < 200; ++i) {
    const Tensor x = Random(3).derive(static_cast<std::uint64_t>(i)).uniform({60, 784}), y = labels(60, 10);
    auto step = [&](Module& net, Optimizer& o) {
      const Tensor loss = cross_entropy(net(x), y);
      backward(loss);
      o.step(1.2e-3);
      return loss.item();
    };
    const double la = step(*masked, a), lb = step(*packed, b);
    ASSERT_TRUE(std::abs(la - lb) <= 1e-4 * std::abs(la)) << "step " << i << ": " << la << " " << lb;
  }
}

// In the middle of a training: pack, unpack, pack again; the optimizer's state follows, and what it saves is the dense view in every form.
TEST(Packed, ChangingTheFormInTheMiddleOfATrainingChangesNothing) {
  for (const auto& o : every_optimizer) {
    auto one = small_net(), other = small_net();
    prune(*one);
    prune(*other);
    auto a = o.make(one->parameters()), b = o.make(other->parameters());
    for (int i = 0; i < 12; ++i) {
      if (i == 3 || i == 9) pack(*other);
      if (i == 6)
        for (Parameter* p : other->parameters()) p->unpack();
      const double x = one_step(*one, *a, o.rate), y = one_step(*other, *b, o.rate);
      EXPECT_NEAR(x, y, 1e-12) << o.name << " step " << i;
      const auto sa = a->state(), sb = b->state();
      ASSERT_EQ(sa.size(), sb.size());
      for (std::size_t k = 0; k < sa.size(); ++k) {
        EXPECT_EQ(sa[k].first, sb[k].first);
        EXPECT_TRUE(!is_floating(sa[k].second.dtype()) || close(sb[k].second, sa[k].second, 1e-9, 1e-12)) << o.name << " " << sa[k].first;
      }
    }
    // What one has saved the other takes up.
    auto fresh = small_net();
    prune(*fresh);
    for (std::size_t i = 0; i < fresh->parameters().size(); ++i) fresh->parameters()[i]->set(other->parameters()[i]->dense_values());
    pack(*fresh);
    auto c = o.make(fresh->parameters());
    c->load_state(b->state());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(one_step(*fresh, *c, o.rate), one_step(*other, *b, o.rate)) << o.name;
  }
}

// Pruned further between two packed stretches: the entries that went have no state, the others keep theirs.
TEST(Packed, PruningInBetweenClearsTheStateThatGoes) {
  for (const auto& o : every_optimizer) {
    auto net = small_net();
    prune(*net);
    pack(*net);
    auto optimizer = o.make(net->parameters());
    for (int i = 0; i < 5; ++i) one_step(*net, *optimizer, o.rate);
    const auto before = optimizer->state();
    Parameter& p = net->parameter("fc1.weight");
    p.unpack();
    p.set_mask(mask_of(p.shape(), [](std::int64_t i) { return i % 3 == 0; }));
    p.pack();
    const auto after = optimizer->state();
    for (std::size_t k = 0; k < before.size(); ++k) {
      if (!before[k].first.starts_with("optimizer.fc1.weight.")) continue;
      for (std::int64_t i = 0; i < p.numel(); ++i)
        EXPECT_EQ(after[k].second.at(i), i % 3 == 0 ? before[k].second.at(i) : 0) << o.name << " " << after[k].first;
    }
    one_step(*net, *optimizer, o.rate);
    EXPECT_EQ(p.kept(), 7);
  }
}

TEST(Packed, RefusesWhatItCannotDo) {
  Parameter p("fc1.weight", {2, 3});
  p.set_mask(tensor<std::uint8_t>({1, 0, 1, 0, 0, 0}, {2, 3}));
  p.pack();
  EXPECT_TRUE(refuses([&] { p.set_mask(ones({2, 3}, DType::u8)); }, {"\"fc1.weight\"", "unpack()"}));
  EXPECT_TRUE(refuses([&] { p.clear_mask(); }, {"\"fc1.weight\"", "unpack()"}));
  EXPECT_TRUE(refuses([&] { p.regrow(ones({2, 3}, DType::u8)); }, {"\"fc1.weight\"", "unpack()"}));
  EXPECT_TRUE(refuses([&] { p.set_soft_mask(ones({2, 3}, DType::u8)); }, {"\"fc1.weight\"", "unpack()"}));
  EXPECT_TRUE(refuses([&] { p.value(); }, {"\"fc1.weight\"", "packed"}));
  EXPECT_TRUE(refuses([&] { p.set(ones({3, 2})); }, {"\"fc1.weight\"", "(3, 2)", "(2, 3)"}));
  Parameter bias("fc1.bias", {3}), soft("soft", {2, 2});
  EXPECT_TRUE(refuses([&] { bias.pack(); }, {"\"fc1.bias\"", "(3)"}));
  soft.set_soft_mask(ones({2, 2}, DType::u8));
  EXPECT_TRUE(refuses([&] { soft.pack(); }, {"\"soft\"", "soft mask"}));
  Sequential net;
  net.add<Linear>("fc1", 4, 2);
  net.parameter("fc1.weight").pack();
  EXPECT_TRUE(refuses([&] { net(ones({5, 3})); }, {"\"fc1\"", "of 3 features", "(2, 4)"}));
}

TEST(Packed, AnEmptyLayerSaysItsBias) {
  Linear layer(3, 2);
  layer.bias()->set(tensor({5.f, 7.f}));
  layer.weight().set_mask(zeros({2, 3}, DType::u8));
  layer.weight().pack();
  EXPECT_EQ(layer.weight().kept(), 0);
  const Tensor y = layer(ones({1, 3}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{5, 7}));
  backward(sum(y));
  EXPECT_EQ(layer.weight().gradient().numel(), 0);
}

}  // namespace
}  // namespace bonsai::nn
