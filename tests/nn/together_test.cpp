// Networks trained together learn what each learns alone.
#include "nn/together.h"

#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {

std::unique_ptr<Sequential> net_of(DType t, std::uint32_t seed) {
  auto net = std::make_unique<Sequential>();
  net->add<Flatten>("flatten").add<Linear>("fc1", 12, 9).add<Tanh>("tanh").add<Linear>("fc2", 9, 5, false);
  net->to(t);
  std::uint32_t k = 100 * seed;
  for (Parameter* p : net->parameters()) p->set(test::noise(++k, p->shape(), 0.5, t));
  if (seed > 0) {  // the first is dense, the others masked
    Parameter& w = net->parameter("fc1.weight");
    w.set_mask(test::mask_of(w.shape(), [=](std::int64_t i) { return i % (2 + seed) != 0; }));
  }
  return net;
}
BatchSource batches_of(DType t, std::uint32_t seed) {
  return [=](std::int64_t i) { return Batch{test::noise(static_cast<std::uint32_t>(i) + 10 * seed, {7, 3, 4}, 1, t), test::labels(7, 5, i + seed)}; };
}
auto adam = [](std::vector<Parameter*> p) -> std::unique_ptr<Optimizer> { return std::make_unique<Adam>(std::move(p)); };
const TrainOptions options{.iterations = 9, .rate = [](std::int64_t i) { return 0.05 / static_cast<double>(1 + i); }, .evaluate_every = 4};

struct Result {
  std::vector<double> log;  // losses, and a weight at each evaluation
  std::vector<std::vector<double>> values;
  std::vector<std::pair<std::string, Tensor>> state;
};
Hooks hooks_of(Result& r, Module& net) {
  return {.evaluate = [&](std::int64_t done) { r.log.push_back(static_cast<double>(done) + net.parameters()[0]->leaf().at(5)); },
          .after_step = [&](std::int64_t, double loss) { r.log.push_back(loss); }};
}
void finish(Result& r, Module& net, const Optimizer& optimizer) {
  for (Parameter* p : net.parameters()) {
    r.values.emplace_back();
    for (std::int64_t i = 0; i < p->numel(); ++i) r.values.back().push_back(p->leaf().at(i));
  }
  r.state = optimizer.state();
}
std::vector<Result> together(DType t, const std::vector<std::uint32_t>& seeds, std::int64_t stop = -1) {
  std::vector<std::unique_ptr<Sequential>> nets;
  std::vector<std::unique_ptr<Optimizer>> optimizers;
  std::vector<Result> results(seeds.size());
  auto members = [&](std::size_t i) { return Member{nets[i].get(), optimizers[i].get(), batches_of(t, seeds[i]), hooks_of(results[i], *nets[i])}; };
  for (std::uint32_t s : seeds) nets.push_back(net_of(t, s)), optimizers.push_back(adam(nets.back()->parameters()));
  std::vector<Member> all;
  for (std::size_t i = 0; i < seeds.size(); ++i) all.push_back(members(i));
  TrainOptions o = options;
  if (stop >= 0) {  // in two parts: the optimizers' states are theirs in between
    o.iterations = stop;
    train_together(all, adam, o, [](std::int64_t) { return false; });
    o.first = stop, o.iterations = options.iterations, o.evaluate_first = false;
  }
  train_together(all, adam, o, [](std::int64_t) { return false; });
  for (std::size_t i = 0; i < seeds.size(); ++i) finish(results[i], *nets[i], *optimizers[i]);
  return results;
}
Result alone(DType t, std::uint32_t seed) {
  Result r;
  auto net = net_of(t, seed);
  const auto optimizer = adam(net->parameters());
  train(*net, *optimizer, batches_of(t, seed), options, hooks_of(r, *net));
  finish(r, *net, *optimizer);
  return r;
}

TEST(Together, EachLearnsWhatItLearnsAlone) {
  const std::vector<std::uint32_t> seeds{0, 1, 2};
  const std::vector<Result> got = together(DType::f64, seeds);
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    const Result want = alone(DType::f64, seeds[i]);
    ASSERT_EQ(got[i].log.size(), want.log.size());
    for (std::size_t k = 0; k < want.log.size(); ++k) EXPECT_NEAR(got[i].log[k], want.log[k], 1e-12) << i << ", " << k;
    for (std::size_t p = 0; p < want.values.size(); ++p)
      for (std::size_t k = 0; k < want.values[p].size(); ++k) ASSERT_NEAR(got[i].values[p][k], want.values[p][k], 1e-12) << i << ", " << p << ", " << k;
    ASSERT_EQ(got[i].state.size(), want.state.size());
    for (std::size_t s = 0; s < want.state.size(); ++s) {
      EXPECT_EQ(got[i].state[s].first, want.state[s].first);
      for (std::int64_t k = 0; k < want.state[s].second.numel(); ++k) ASSERT_NEAR(got[i].state[s].second.at(k), want.state[s].second.at(k), 1e-12);
    }
  }
}

TEST(Together, TheCompanyChangesNoBit) {
  const std::vector<Result> three = together(DType::f32, {0, 1, 2}), one = together(DType::f32, {1}), two_parts = together(DType::f32, {2, 1}, 5);
  EXPECT_EQ(three[1].log, one[0].log);
  EXPECT_EQ(three[1].values, one[0].values);
  EXPECT_EQ(two_parts[1].values, one[0].values);
}

TEST(Together, PrunedWeightsStayZero) {
  const Result r = together(DType::f32, {0, 1})[1];
  for (std::size_t i = 0; i < r.values[0].size(); ++i) EXPECT_EQ(r.values[0][i] == 0, i % 3 == 0) << i;
}

TEST(Together, RefusesWhatItCannotTrain) {
  auto a = net_of(DType::f32, 0), b = net_of(DType::f32, 1);
  Sequential other, convolution;
  other.add<Linear>("fc1", 12, 8);
  convolution.add<Dropout>("drop", 0.5, Random(1));
  EXPECT_TRUE(test::refuses([&] { Together({a.get(), &other}); }, {"one shape"}));
  EXPECT_TRUE(test::refuses([&] { Together({&convolution}); }, {"\"drop\"", "Dropout"}));
  EXPECT_TRUE(test::refuses([&] { Together({}); }, {"no networks"}));
  b->parameter("fc1.weight").pack();
  EXPECT_TRUE(test::refuses([&] { Together({a.get(), b.get()}); }, {"fc1.weight", "packed"}));
  EXPECT_TRUE(test::refuses([&] { Together({a.get()})(ones({2, 7, 12})); }, {"(2, 7, 12)", "1 networks"}));
}

}  // namespace
}  // namespace bonsai::nn
