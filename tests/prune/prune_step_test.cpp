// Pruning steps, the registry and rewinding.
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/optimizers.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"
#include "prune/schedules/iterative.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

std::unique_ptr<nn::Sequential> two_layers() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 4, 2).add<nn::Linear>("fc2", 2, 1);
  net->parameter("fc1.weight").set(tensor({8.f, -7.f, 6.f, -5.f, 4.f, -3.f, 2.f, -1.f}, {2, 4}));
  net->parameter("fc1.bias").set(tensor({0.001f, 0.002f}));
  net->parameter("fc2.weight").set(tensor({0.5f, -0.25f}, {1, 2}));
  return net;
}

Method with_scope(const char* name, Scope scope) {
  Method m = method(name);
  m.scope = scope;
  return m;
}

std::int64_t total_kept(const std::vector<nn::Parameter*>& parameters) {
  std::int64_t n = 0;
  for (const nn::Parameter* p : parameters) n += p->kept();
  return n;
}

TEST(Prunable, IsWeightsAndNotBiases) {
  auto net = nn::lenet_300_100();
  std::vector<std::string> names;
  for (nn::Parameter* p : prunable(*net)) names.push_back(p->name());
  EXPECT_EQ(names, (std::vector<std::string>{"fc1.weight", "fc2.weight", "fc3.weight"}));
}

TEST(PruneStep, LayerScopeTakesItsShareOfEachLayer) {
  auto net = two_layers();
  prune_step(with_scope("magnitude", Scope::layer), {prunable(*net), Random(1)}, {0.25, 0.5});
  EXPECT_EQ(net->parameter("fc1.weight").leaf().to_vector<float>(), (std::vector<float>{8, -7, 6, -5, 4, -3, 0, 0}));
  EXPECT_EQ(net->parameter("fc2.weight").leaf().to_vector<float>(), (std::vector<float>{0.5, 0}));
  EXPECT_FALSE(net->parameter("fc1.bias").is_masked());
  prune_step(with_scope("magnitude", Scope::layer), {prunable(*net), Random(1)}, {0.5, 0});  // half of the six that remain
  EXPECT_EQ(net->parameter("fc1.weight").leaf().to_vector<float>(), (std::vector<float>{8, -7, 6, 0, 0, 0, 0, 0}));
  EXPECT_EQ(net->parameter("fc2.weight").kept(), 1);
}

TEST(PruneStep, GlobalScopeTakesTheLowestWhereverTheyAre) {
  auto net = two_layers();
  net->parameter("fc2.weight").set(tensor({0.5f, -5.5f}, {1, 2}));
  prune_step(with_scope("magnitude", Scope::global), {prunable(*net), Random(1)}, {0.3});  // 3 of 10: 0.5, 1, 2
  EXPECT_EQ(net->parameter("fc1.weight").leaf().to_vector<float>(), (std::vector<float>{8, -7, 6, -5, 4, -3, 0, 0}));
  EXPECT_EQ(net->parameter("fc2.weight").leaf().to_vector<float>(), (std::vector<float>{0, -5.5}));
  prune_step(with_scope("magnitude", Scope::global), {prunable(*net), Random(1)}, {0.3});  // 2.1 of the 7 that remain: 3, 4
  EXPECT_EQ(net->parameter("fc1.weight").leaf().to_vector<float>(), (std::vector<float>{8, -7, 6, -5, 0, 0, 0, 0}));
  EXPECT_EQ(net->parameter("fc2.weight").leaf().to_vector<float>(), (std::vector<float>{0, -5.5}));
}

TEST(PruneStep, AnEmptiedLayerIsRefusedByNameAndEverythingStays) {
  for (const Scope scope : {Scope::layer, Scope::global})
    for (const bool masked_before : {false, true}) {
      auto net = two_layers();
      const std::vector<double> rates = scope == Scope::layer ? std::vector{0.25, 1.0} : std::vector{0.5};
      if (masked_before) net->parameter("fc1.weight").set_mask(tensor<std::uint8_t>({1, 1, 1, 1, 1, 1, 1, 0}, {2, 4}));
      const auto values = snapshot(net->parameters());
      auto step = [&] { prune_step(with_scope("magnitude", scope), {prunable(*net), Random(1)}, rates); };
      EXPECT_TRUE(refuses(step, {"\"fc2.weight\"", "prune less"}));
      for (std::size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(same_bits(net->parameters()[i]->leaf(), values[i]));
      EXPECT_EQ(net->parameter("fc1.weight").kept(), masked_before ? 7 : 8);
      EXPECT_FALSE(net->parameter("fc2.weight").is_masked());
    }
}

// SynFlow prunes in 100 rounds: of ten weights two layers cannot keep one each, which shows only after some of the rounds.
TEST(PruneTo, AnEmptiedLayerInALaterRoundLeavesEverythingAsItWas) {
  for (const bool masked_before : {false, true}) {
    auto net = two_layers();
    if (masked_before) net->parameter("fc1.weight").set_mask(tensor<std::uint8_t>({1, 1, 1, 1, 1, 1, 1, 0}, {2, 4}));
    const auto values = snapshot(net->parameters());
    const ScoreInputs in{.parameters = prunable(*net), .net = net.get(), .inputs = zeros({1, 4})};
    EXPECT_THROW(prune_to(method("synflow"), in, 0.9), EmptyLayer);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(same_bits(net->parameters()[i]->leaf(), values[i]));
    EXPECT_EQ(net->parameter("fc1.weight").kept(), masked_before ? 7 : 8);
    EXPECT_EQ(net->parameter("fc1.weight").is_masked(), masked_before);
    EXPECT_FALSE(net->parameter("fc2.weight").is_masked());
    prune_to(method("synflow"), in, 0.6);  // and it can be pruned less
    EXPECT_EQ(total_kept(in.parameters), 4);
  }
}

TEST(PruneStep, ANaNWeightIsNamedAndEverythingStays) {
  auto net = two_layers();
  net->parameter("fc2.weight").set(tensor({0.5f, std::nanf("")}, {1, 2}));
  EXPECT_TRUE(refuses([&] { prune_step(method("magnitude"), {prunable(*net), Random(1)}, {0.25, 0.5}); }, {"\"fc2.weight\"", "index 1", "NaN"}));
  EXPECT_FALSE(net->parameter("fc1.weight").is_masked());
}

TEST(PruneStep, RefusesRatesThatDoNotFit) {
  auto net = two_layers();
  auto step = [&](Scope scope, std::vector<double> rates) {
    return [&net, scope, rates] { prune_step(with_scope("magnitude", scope), {prunable(*net), Random(1)}, rates); };
  };
  EXPECT_TRUE(refuses(step(Scope::layer, {0.2}), {"1 rates", "2", "layer"}));
  EXPECT_TRUE(refuses(step(Scope::global, {0.2, 0.2}), {"2 rates", "global"}));
  EXPECT_TRUE(refuses(step(Scope::layer, {0.2, 20}), {"20", "did you mean 0.2?"}));
  EXPECT_FALSE(net->parameter("fc1.weight").is_masked());
}

// The densities of the paper (to 0.01 points): 20% a round from the hidden layers, 10% from the output layer, each of what remains.
TEST(PruneStep, TheLadderOfLenet300100) {
  const double percent[] = {80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88, 13.52, 10.83,
                            8.68,  6.95,  5.57,  4.47,  3.58,  2.87,  2.31,  1.85,  1.49,  1.19};
  for (const char* name : {"magnitude", "random"}) {
    auto net = nn::lenet_300_100();
    nn::initialize(*net, {}, Random(1));
    const auto weights = prunable(*net);
    for (int round = 1; round <= 20; ++round) {
      const std::vector<Tensor> before{weights[0]->mask(), weights[1]->mask(), weights[2]->mask()};
      prune_step(method(name), {weights, Random(2)}, {0.2, 0.2, 0.1});
      EXPECT_NEAR(100 * static_cast<double>(total_kept(weights)) / 266200, percent[round - 1], 0.0051) << name << " round " << round;
      for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(weights[i]->kept(), kept_after(weights[i]->numel(), i == 2 ? 0.1 : 0.2, round)) << name << " round " << round;
        if (round == 1) continue;
        const auto old_mask = before[i].data<std::uint8_t>(), new_mask = weights[i]->mask().data<std::uint8_t>();
        for (std::size_t k = 0; k < new_mask.size(); ++k) ASSERT_LE(new_mask[k], old_mask[k]);  // nothing comes back
      }
    }
  }
}

TEST(RandomScores, AreReproducibleAndBelongToALayer) {
  auto masks = [](std::uint64_t seed, std::vector<std::string> order) {
    auto net = std::make_unique<nn::Sequential>();
    for (const std::string& name : order) net->add<nn::Linear>(name, 10, 10);
    prune_step(method("random"), {prunable(*net), Random(seed)}, std::vector<double>(order.size(), 0.5));
    return std::pair(net->parameter("a.weight").mask(), net->parameter("b.weight").mask());
  };
  const auto first = masks(1, {"a", "b"});
  EXPECT_TRUE(same_bits(masks(1, {"a", "b"}).first, first.first));
  EXPECT_TRUE(same_bits(masks(1, {"b", "more", "a"}).first, first.first));  // other layers change nothing
  EXPECT_FALSE(same_bits(masks(2, {"a", "b"}).first, first.first));
  EXPECT_FALSE(same_bits(first.second, first.first));
}

TEST(Registry, ListsItsMethodsAndRefusesOthers) {
  std::vector<std::string> names;
  for (const Method& m : methods()) {
    names.push_back(m.name);
    EXPECT_EQ(&method(m.name), &m);
    EXPECT_GT(std::string(m.idea).size(), 0u);
    EXPECT_GT(std::string(m.paper).size(), 0u);
    auto net = two_layers();  // every score is one tensor a parameter, of its shape, without NaN
    const auto weights = prunable(*net);
    const Tensor x = Random(2).uniform({5, weights[0]->shape()[1]}, 0, 1, weights[0]->leaf().dtype());
    const auto scores = m.score({.parameters = weights, .random = Random(1), .net = net.get(), .inputs = x, .targets = zeros({5}, DType::i64),
                                 .accumulated = {weights[0]->leaf(), weights[1]->leaf()}});
    ASSERT_EQ(scores.size(), weights.size()) << m.name;
    for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_TRUE(close(scores[i], scores[i], 0)) << m.name;
    for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_EQ(scores[i].shape(), weights[i]->shape()) << m.name;
  }
  for (const char* name : {"magnitude", "random", "taylor", "obd", "obs", "woodfisher", "snip", "grasp", "synflow", "movement"}) EXPECT_EQ(std::count(names.begin(), names.end(), name), 1);
  EXPECT_TRUE(refuses([] { method("magnitud"); }, {"\"magnitud\"", names[0], names[1], names.back()}));
  EXPECT_TRUE(refuses([] { method(""); }, {"magnitude"}));
}

// A ticket: the mask of the trained network, the values of step k in every kept weight, bit for bit; biases go back too.
TEST(Rewind, RestoresExactlyTheKeptWeights) {
  auto net = small_net(DType::f32), original = small_net(DType::f32);
  const auto parameters = net->parameters();
  const auto start = snapshot(parameters);
  nn::Adam adam(parameters);
  for (int i = 0; i < 5; ++i) {
    backward(cross_entropy((*net)(small_inputs(DType::f32)), small_labels()));
    adam.step(0.1);
  }
  for (std::size_t i = 0; i < start.size(); ++i) {
    EXPECT_FALSE(same_bits(parameters[i]->leaf(), start[i]));
    EXPECT_TRUE(same_bits(original->parameters()[i]->leaf(), start[i]));  // a snapshot does not move with the training
  }
  prune_step(method("magnitude"), {prunable(*net), Random(1)}, {0.4, 0.2});
  rewind(parameters, start);
  for (std::size_t i = 0; i < start.size(); ++i)
    for (std::int64_t k = 0; k < start[i].numel(); ++k)
      EXPECT_EQ(parameters[i]->leaf().at(k), !parameters[i]->is_masked() || parameters[i]->mask().at(k) ? start[i].at(k) : 0);
  EXPECT_EQ(parameters[0]->kept(), 12);
  EXPECT_EQ(parameters[2]->kept(), 12);
  EXPECT_TRUE(refuses([&] { rewind(parameters, {start[0]}); }, {"4 parameters", "1 values"}));
}

}  // namespace
}  // namespace bonsai::prune
