// The gradient at weights that are pruned: the right numbers, and nothing changed by asking.
#include "prune/schedules/dynamic/dynamic.h"
#include "tests/prune/during_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

// Each entry's derivative by central differences on a network without masks, whose pruned weights are 0.
TEST(DenseGradients, AreTheDerivativesAtPrunedEntriesToo) {
  auto net = sparse_net(), dense = three_layers();
  rewind(dense->parameters(), snapshot(net->parameters()));
  const Batch batch = batch_at(1);
  const auto weights = prunable(*net), twins = prunable(*dense);
  const auto gradients = dense_gradients(*net, weights, batch);
  for (std::size_t l = 0; l < weights.size(); ++l)
    for (std::int64_t i = 0; i < weights[l]->numel(); ++i) {
      auto loss_with = [&](double change) {
        Tensor w = clone(twins[l]->leaf().detach());
        w.mutable_data<double>()[i] += change;
        twins[l]->set(w);
        const double loss = cross_entropy((*dense)(batch.inputs), batch.labels).item();
        twins[l]->set(weights[l]->leaf().detach());
        return loss;
      };
      EXPECT_NEAR(gradients[l].at(i), (loss_with(1e-5) - loss_with(-1e-5)) / 2e-5, 1e-9) << l << " " << i;
    }
}

// Looking at the dense gradient between two steps changes no bit of weights, masks and state, then or later.
TEST(DenseGradients, LeaveEverythingAsItWas) {
  for (const NamedOptimizer& o : every_optimizer) {
    auto net = sparse_net(), twin = sparse_net();
    auto optimizer = o.make(net->parameters()), twins = o.make(twin->parameters());
    During nothing;
    for (std::int64_t t = 0; t < 6; ++t) {
      const auto masks = start_masks();
      const auto state = optimizer->state();
      dense_gradients(*net, prunable(*net), batch_at(50 + t));
      for (std::size_t i = 0; i < masks.size(); ++i) {
        EXPECT_EQ(net->parameters()[i]->is_masked(), masks[i].defined());
        EXPECT_TRUE(!masks[i].defined() || same_bits(net->parameters()[i]->mask(), masks[i]));
        EXPECT_FALSE(net->parameters()[i]->gradient().defined());
      }
      const auto later = optimizer->state();
      for (std::size_t s = 0; s < state.size(); ++s) EXPECT_TRUE(same_bits(state[s].second, later[s].second)) << o.name << " " << state[s].first;
      train_with(*net, *optimizer, nothing, t, t + 1, o.rate);
      train_with(*twin, *twins, nothing, t, t + 1, o.rate);
      for (std::size_t i = 0; i < masks.size(); ++i)
        EXPECT_TRUE(same_bits(net->parameters()[i]->leaf(), twin->parameters()[i]->leaf())) << o.name << " step " << t;
    }
  }
}

// A layer that counts how often it was asked while training, as batch normalisation keeps running statistics.
class Counting : public nn::Module {
 public:
  Counting() : count_(add_buffer("count", zeros({1}))) {}
  Tensor forward(const Tensor& x) override {
    fill(count_, count_.item() + 1);
    return x;
  }
  std::string describe() const override { return "Counting"; }

 private:
  Tensor& count_;
};

TEST(DenseGradients, LeaveTheStateOfLayersAlone) {
  nn::Sequential net;
  net.add<nn::Linear>("fc", 6, 3).add<Counting>("counting");
  net.to(DType::f64);
  Tensor& count = *net.buffers().at(0).second;
  net(batch_at(1).inputs);
  dense_gradients(net, prunable(net), batch_at(1));
  EXPECT_EQ(count.item(), 1);
  net(batch_at(1).inputs);
  EXPECT_EQ(count.item(), 2);
}

TEST(DenseGradients, RefusePackedWeightsBeforeAnyMaskIsTaken) {
  auto net = sparse_net();
  net->parameter("fc2.weight").pack();
  EXPECT_TRUE(refuses([&] { dense_gradients(*net, prunable(*net), batch_at(1)); }, {"\"fc2.weight\"", "packed", "unpack()"}));
  EXPECT_TRUE(net->parameter("fc1.weight").is_masked());
}

}  // namespace
}  // namespace bonsai::prune
