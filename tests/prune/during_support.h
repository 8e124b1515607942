// What the tests of pruning during training share: a network, its batches, and its training, whole or in two halves.
#pragma once
#include "nn/train.h"
#include "prune/during.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"
#include "prune/schedules/dynamic/erdos_renyi.h"
#include "tests/nn/optimizers_support.h"

namespace bonsai::test {

// 6-8-5-3 with tanh, f64; parameter k holds wave(k + 1, shape, 0.5).
inline std::unique_ptr<nn::Sequential> three_layers() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 6, 8).add<nn::Tanh>("tanh1").add<nn::Linear>("fc2", 8, 5).add<nn::Tanh>("tanh2").add<nn::Linear>("fc3", 5, 3);
  net->to(DType::f64);
  int k = 0;
  for (nn::Parameter* p : net->parameters()) p->set(wave(++k, p->shape(), 0.5));
  return net;
}

// The same with two layers sparse, the last one dense under a mask.
inline std::vector<Tensor> start_masks() {
  auto net = three_layers();
  const auto masks = prune::random_masks(prune::prunable(*net), {20, 15, 15}, Random(3));
  return {masks[0], {}, masks[1], {}, masks[2], {}};
}
inline std::unique_ptr<nn::Sequential> sparse_net() {
  auto net = three_layers();
  const auto masks = start_masks();
  for (std::size_t i = 0; i < masks.size(); ++i)
    if (masks[i].defined()) net->parameters()[i]->set_mask(masks[i]);
  return net;
}

inline Batch batch_at(std::int64_t i) { return {wave(100 + static_cast<int>(i), {9, 6}), labels(9, 3)}; }

using MakeDuring = std::function<std::unique_ptr<prune::During>(nn::Module&)>;

// Steps first .. last-1 with `during`, each looked at by see(t) after before_step and before the optimizer's step.
inline void train_with(nn::Module& net, nn::Optimizer& optimizer, prune::During& during, std::int64_t first, std::int64_t last, double rate,
                       const std::function<void(std::int64_t)>& see = {}) {
  nn::train(net, optimizer, batch_at, {.first = first, .iterations = last, .rate = nn::constant(rate)},
            {.before_step = [&](std::int64_t t) { during.before_step(t); },
             .after_backward = [&](std::int64_t t) {
               during.after_backward(t);
               if (see) see(t);
             },
             .after_update = [&](std::int64_t t, double rate) { during.after_update(t, rate); }});
}

// A training that is stopped after `stop` steps and taken up by another process, as far as that process can see: from weights, masks, the
// optimizer's state and the pruning's. It must end with the bits of one that went on.
inline void expect_resumable(const std::vector<Tensor>& masks, const MakeDuring& make, std::int64_t steps, std::int64_t stop) {
  for (const NamedOptimizer& o : every_optimizer) {
    auto start = [&] {
      auto net = three_layers();
      for (std::size_t i = 0; i < masks.size(); ++i)
        if (masks[i].defined()) net->parameters()[i]->set_mask(masks[i]);
      return net;
    };
    auto whole = start(), half = start(), other = start();
    auto optimizer = o.make(whole->parameters()), before = o.make(half->parameters()), after = o.make(other->parameters());
    auto during = make(*whole), first = make(*half), second = make(*other);
    train_with(*whole, *optimizer, *during, 0, steps, o.rate);
    train_with(*half, *before, *first, 0, stop, o.rate);
    for (std::size_t i = 0; i < half->parameters().size(); ++i)
      if (const Tensor& m = half->parameters()[i]->mask(); m.defined()) other->parameters()[i]->set_mask(m);
    prune::rewind(other->parameters(), prune::snapshot(half->parameters()));
    after->load_state(before->state());
    second->load_state(first->state());
    train_with(*other, *after, *second, stop, steps, o.rate);
    for (std::size_t i = 0; i < whole->parameters().size(); ++i) {
      const nn::Parameter &a = *whole->parameters()[i], &b = *other->parameters()[i];
      EXPECT_TRUE(same_bits(a.leaf(), b.leaf())) << o.name << " " << a.name() << " stopped after " << stop;
      EXPECT_EQ(a.is_masked(), b.is_masked());
      EXPECT_TRUE(!a.is_masked() || same_bits(a.mask(), b.mask())) << o.name << " " << a.name() << " stopped after " << stop;
    }
  }
}

inline std::vector<Tensor> clones(const std::vector<std::pair<std::string, Tensor>>& state, const std::string& of) {
  std::vector<Tensor> all;
  for (const auto& [name, t] : state)
    if (name.starts_with("optimizer." + of + ".")) all.push_back(clone(t));
  return all;
}

}  // namespace bonsai::test
