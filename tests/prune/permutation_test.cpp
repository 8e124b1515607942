// Orders of columns against all orders there are, and networks in another order against themselves.
#include "prune/nm/permutation.h"

#include <algorithm>

#include "nn/networks.h"
#include "prune/nm/permute_network.h"
#include "prune/nm/prune_nm.h"
#include "prune/structure/surgery.h"
#include "tests/prune/random_graphs.h"
#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

// What an order keeps, by sorting.
double kept(const Tensor& s, NM p, const Order& order) {
  double total = 0;
  for (std::int64_t r = 0; r < s.size(0); ++r)
    for (std::int64_t g = 0; g < s.size(1); g += p.m) {
      std::vector<double> group;
      for (std::int64_t i = 0; i < p.m; ++i) group.push_back(s.at(r * s.size(1) + order[g + i]));
      std::ranges::sort(group, std::greater());
      for (std::int64_t i = 0; i < p.n; ++i) total += group[i];
    }
  return total;
}
double best_of_all(const Tensor& s, NM p) {
  Order order = as_they_are(s.size(1));
  double best = 0;
  do best = std::max(best, kept(s, p, order));
  while (std::ranges::next_permutation(order).found);
  return best;
}

TEST(Permutation, ExactIsTheBestOfAllOrders) {
  Random random(3);
  for (const auto& [p, rows, columns] : {std::tuple<NM, int, int>{{2, 4}, 5, 8}, {{1, 4}, 1, 8}, {{1, 2}, 4, 6}, {{1, 3}, 70, 6}, {{2, 3}, 3, 6}, {{2, 8}, 3, 8}, {{1, 2}, 2, 8}}) {
    const Tensor s = abs(random.derive(p.str()).normal({rows, columns}, 0, 1, DType::f64));
    const Order exact = exact_order(s, p);
    EXPECT_NEAR(kept(s, p, exact), best_of_all(s, p), 1e-9) << p.str();
    EXPECT_NEAR(kept_score(s, p, exact), kept(s, p, exact), 1e-9);
    const Order greedy = greedy_order(s, p, as_they_are(columns));
    EXPECT_GE(kept(s, p, greedy), kept(s, p, as_they_are(columns)) - 1e-9);
    EXPECT_LE(kept(s, p, greedy), kept(s, p, exact) + 1e-9);
  }
}

// No swap of two columns is left that would keep more.
TEST(Permutation, GreedyEndsWhereNoSwapGains) {
  const NM p{2, 4};
  const Tensor s = abs(Random(4).normal({9, 24}, 0, 1, DType::f64));
  Order order = greedy_order(s, p, as_they_are(24));
  const double reached = kept(s, p, order);
  EXPECT_GT(reached, kept(s, p, as_they_are(24)));
  for (int i = 0; i < 24; ++i)
    for (int j = 0; j < i; ++j) {
      std::swap(order[i], order[j]);
      EXPECT_LE(kept(s, p, order), reached + 1e-9);
      std::swap(order[i], order[j]);
    }
}

TEST(Permutation, SearchGoesFurtherAndIsTheSameForASeed) {
  const NM p{2, 4};
  const Tensor s = abs(Random(4).normal({9, 64}, 0, 1, DType::f64));
  const Order greedy = greedy_order(s, p, as_they_are(64)), searched = searched_order(s, p, greedy, Random(1), 200);
  EXPECT_GT(kept(s, p, searched), kept(s, p, greedy));
  EXPECT_EQ(searched, searched_order(s, p, greedy, Random(1), 200));
  EXPECT_EQ(greedy, searched_order(s, p, greedy, Random(1), 0));
  Order sorted = best_order(s, p, Random(1));
  EXPECT_GE(kept(s, p, sorted), kept(s, p, greedy) - 1e-9);
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, as_they_are(64));
  const Tensor f32 = cast(s, DType::f32);
  EXPECT_NO_THROW(best_order(f32, {4, 8}, Random(1)));
}

TEST(Permutation, Refusals) {
  EXPECT_TRUE(refuses([] { exact_order(ones({2, 24}), {2, 4}); }, {"24 columns", "20"}));
  EXPECT_TRUE(refuses([] { best_order(ones({2, 10}), {2, 4}, Random(1)); }, {"10 columns are no multiple of 4"}));
  EXPECT_TRUE(refuses([] { kept_score(ones({2, 8}), {2, 4}, {0, 1, 2, 3, 4, 5, 6, 6}); }, {"each of the 8 columns once"}));
  EXPECT_TRUE(refuses([] { kept_score(ones({2, 8}), {2, 4}, {0, 1, 2}); }, {"order of 3"}));
  EXPECT_TRUE(refuses([] { exact_order(-ones({2, 8}), {2, 4}); }, {"-1", "0 or more"}));
  EXPECT_TRUE(refuses([] { exact_order(ones({8}), {2, 4}); }, {"(8)"}));
}

// Whatever the graph: the same function, and what the report says is what the weights keep.
TEST(PermuteNetwork, ComputesTheSame) {
  int layers = 0, better = 0;
  for (std::int64_t seed = 0; seed < 200; ++seed) {
    RandomGraph net(seed, seed % 2 == 1);
    shake(net, DType::f64);
    const nn::Evaluating mode(net);
    const Tensor x = noise(9, {3, RandomGraph::channels, RandomGraph::side, RandomGraph::side}, 1, DType::f64), before = net(x).detach();
    std::map<std::string, double> mass;
    for (nn::Parameter* p : net.parameters()) mass[p->name()] = sum(abs(p->dense_values().detach())).item();
    const NM p = seed % 3 == 0 ? NM{1, 2} : NM{2, 4};
    for (const Permuted& l : permute_channels(net, x, p, Random(seed), 1e-10)) {
      ++layers;
      better += l.after > l.before;
      EXPECT_GE(l.after, l.before);
      double kept = 0, all = 0;
      for (const std::string& w : l.reads) {
        const Tensor magnitude = abs(net.parameter(w).dense_values().detach());
        kept += sum(where(nm_mask(w, magnitude, p), magnitude, zeros_like(magnitude))).item();
        all += sum(magnitude).item();
      }
      EXPECT_NEAR(kept / all, l.after, 1e-9) << "seed " << seed << " " << l.layer;
    }
    EXPECT_LE(relative_distance(net(x).detach(), before), 1e-12) << "seed " << seed;
    for (nn::Parameter* p : net.parameters()) EXPECT_NEAR(sum(abs(p->dense_values().detach())).item(), mass[p->name()], 1e-9) << p->name();
  }
  EXPECT_GT(layers, 60);
  EXPECT_GT(better, 20);
}

TEST(PermuteNetwork, KeepsMoreOfTheHousesNetworks) {
  for (const char* name : {"lenet_300_100", "resnet20", "rows_transformer"}) {
    auto net = nn::network(name);
    shake(*net, DType::f32);
    const Tensor x = noise(3, std::string(name) == "resnet20" ? Shape{2, 3, 32, 32} : Shape{2, 1, 28, 28}, 1, DType::f32);
    const nn::Evaluating mode(*net);
    const Tensor before = net->forward(x).detach();
    const auto report = permute_channels(*net, x, {2, 4}, Random(1));
    EXPECT_FALSE(report.empty()) << name;
    double gained = 0;
    for (const Permuted& l : report) gained += l.after - l.before;
    EXPECT_GT(gained, 0) << name;
    EXPECT_LE(relative_distance(net->forward(x).detach(), before), 1e-4) << name;
  }
}

TEST(PermuteNetwork, MasksMoveWithTheirWeights) {
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 6, 8).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 8, 4);
  shake(net, DType::f64);
  net.parameter("fc2.weight").set_mask(test::mask_of({4, 8}, [](std::int64_t i) { return i % 8 < 3; }));  // by far the best order has these apart
  const Tensor x = noise(2, {5, 6}, 1, DType::f64), before = net(x).detach();
  const auto report = permute_channels(net, x, {2, 4}, Random(1), 1e-12);
  ASSERT_EQ(report.size(), 1u);
  EXPECT_EQ(report[0].layer, "fc1.weight");
  EXPECT_EQ(report[0].reads, (std::vector<std::string>{"fc2.weight"}));
  EXPECT_GT(report[0].after, report[0].before);
  EXPECT_EQ(report[0].after, 1);
  EXPECT_EQ(nm_conformity(net.parameter("fc2.weight").mask(), {2, 4}), 1);
  EXPECT_LE(relative_distance(net(x).detach(), before), 1e-14);
}

// A module that looks at the order of its channels where the graph does not show it.
struct Weighing : nn::Module {
  nn::Linear& fc1 = child<nn::Linear>("fc1", 4, 16);
  nn::Linear& fc2 = child<nn::Linear>("fc2", 16, 4);
  Tensor forward(const Tensor& x) override { return fc2(fc1(x)) + sum(fc1.weight().leaf().detach() * wave(5, {16, 4})).item(); }
  std::string describe() const override { return "Weighing"; }
};

TEST(PermuteNetwork, ADifferenceIsFoundAndEverythingPutBack) {
  Weighing net;
  shake(net, DType::f64);
  const Tensor x = noise(2, {5, 4}, 1, DType::f64);
  std::vector<Tensor> before;
  for (nn::Parameter* p : net.parameters()) before.push_back(p->dense_values());
  EXPECT_TRUE(refuses([&] { permute_channels(net, x, {2, 4}, Random(1), 1e-10); }, {"permute", "in another order"}));
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(same_bits(net.parameters()[i]->dense_values(), before[i]));
  net.fc1.weight().pack();
  EXPECT_TRUE(refuses([&] { permute_channels(net, x, {2, 4}, Random(1)); }, {"\"fc1.weight\" is packed"}));
}

}  // namespace
}  // namespace bonsai::prune
