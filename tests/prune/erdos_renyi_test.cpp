// Erdős-Rényi densities against the published formulas and against a search for ε that knows nothing of the rule's steps.
#include "prune/schedules/dynamic/erdos_renyi.h"

#include <numeric>

#include "prune/select.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

double formula(const Shape& s, ErdosRenyi kind) {
  if (kind == ErdosRenyi::plain || s.rank() == 2) return 1.0 / static_cast<double>(s[0]) + 1.0 / static_cast<double>(s[1]);
  const double sum = static_cast<double>(s[0] + s[1] + s[2] + s[3]);
  return sum / static_cast<double>(s[0] * s[1] * s[2] * s[3]);
}

// The ε for which Σ min(1, ε formula) n is the total, by bisection; and the densities it gives.
std::vector<double> searched(const std::vector<Shape>& weights, double total, ErdosRenyi kind) {
  double low = 0, high = 1;
  auto kept = [&](double epsilon) {
    double sum = 0;
    for (const Shape& s : weights) sum += std::min(1.0, epsilon * formula(s, kind)) * static_cast<double>(s.numel());
    return sum;
  };
  while (kept(high) < total && high < 1e12) high *= 2;
  for (int i = 0; i < 200; ++i) (kept((low + high) / 2) < total ? low : high) = (low + high) / 2;
  std::vector<double> density;
  for (const Shape& s : weights) density.push_back(std::min(1.0, high * formula(s, kind)));
  return density;
}

std::int64_t entries(const std::vector<Shape>& weights) {
  std::int64_t n = 0;
  for (const Shape& s : weights) n += s.numel();
  return n;
}

// LeNet-300-100, whose layers have 1084, 400 and 110 units' ends. Whole numbers worked out by hand.
TEST(ErdosRenyi, Lenet300100) {
  const std::vector<Shape> lenet{{300, 784}, {100, 300}, {10, 100}};
  EXPECT_EQ(erdos_renyi(lenet, 0.98), (std::vector<std::int64_t>{3621, 1336, 367}));  // 5324/1594 of each: 3620.6, 1336.0, 367.4
  EXPECT_EQ(erdos_renyi(lenet, 0.95), (std::vector<std::int64_t>{9051, 3340, 919}));  // 13310/1594: 9051.5, 3340.0, 918.5; the latter is larger
  EXPECT_EQ(erdos_renyi(lenet, 0.90), (std::vector<std::int64_t>{18714, 6906, 1000}));  // 16.7 x 110 > 1000; 25620/1484: 18714.4, 6905.7
  EXPECT_EQ(erdos_renyi(lenet, 0.80), (std::vector<std::int64_t>{38159, 14081, 1000}));
  EXPECT_EQ(std::lround(53240.0 * 110 / 1594) - 1000, 2674);  // what cutting the last layer's density down to 1 would lose at 80%
  EXPECT_EQ(erdos_renyi(lenet, 0.0), (std::vector<std::int64_t>{235200, 30000, 1000}));
}

// Where no layer is full, densities stand to each other as the formulas do.
TEST(ErdosRenyi, IsThePublishedFormulaUpToOneFactor) {
  const std::vector<Shape> convolutions{{16, 3, 3, 3}, {32, 16, 3, 3}, {64, 32, 5, 1}, {10, 64}};
  for (const ErdosRenyi kind : {ErdosRenyi::plain, ErdosRenyi::kernel}) {
    const auto density = erdos_renyi_densities(convolutions, 0.97, kind);
    for (std::size_t l = 0; l < density.size(); ++l) {
      ASSERT_LT(density[l], 1);
      EXPECT_NEAR(density[l] / density[0], formula(convolutions[l], kind) / formula(convolutions[0], kind), 1e-12);
    }
  }
}

TEST(ErdosRenyi, AgreesWithASearchForEpsilonAndItsTotalIsExact) {
  Random random(1);
  int full = 0, refused = 0;
  for (int round = 0; round < 600; ++round) {
    std::vector<Shape> weights;
    for (std::uint64_t l = 1 + random.below(6); l > 0; --l) {
      const auto axis = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + random.below(most)); };
      weights.push_back(random.below(2) ? Shape{axis(40), axis(60)} : Shape{axis(20), axis(20), axis(5), axis(5)});
    }
    const ErdosRenyi kind = round % 2 ? ErdosRenyi::plain : ErdosRenyi::kernel;
    const double sparsity = round % 7 == 0 ? 0 : random.uniform();
    const std::int64_t n = entries(weights), total = n - count(sparsity, n);
    const auto density = erdos_renyi_densities(weights, sparsity, kind), want = searched(weights, static_cast<double>(total), kind);
    std::int64_t sum = 0;
    std::vector<std::int64_t> kept;
    try {
      kept = erdos_renyi(weights, sparsity, kind);
    } catch (const Error&) {
      ++refused;  // a layer would be empty: at most one entry was wanted of it
      bool tiny = false;
      for (std::size_t l = 0; l < weights.size(); ++l) tiny |= want[l] * static_cast<double>(weights[l].numel()) < 1;
      EXPECT_TRUE(tiny) << round;
      continue;
    }
    double rounded = 1;  // what the last to be rounded up and the first to be rounded down wanted
    double up = 1, down = 0;
    for (std::size_t l = 0; l < weights.size(); ++l) {
      EXPECT_NEAR(density[l], want[l], 1e-9) << round;
      const double wanted = density[l] * static_cast<double>(weights[l].numel()), rest = wanted - std::floor(wanted);
      sum += kept[l];
      rounded = std::abs(static_cast<double>(kept[l]) - wanted);
      EXPECT_TRUE(rounded < 1) << round;
      EXPECT_LE(kept[l], weights[l].numel());
      full += kept[l] == weights[l].numel();
      if (rest > 1e-9 && rest < 1 - 1e-9) (static_cast<double>(kept[l]) > wanted ? up = std::min(up, rest) : down = std::max(down, rest));
    }
    EXPECT_EQ(sum, total) << round;
    EXPECT_GE(up, down - 1e-9) << round;  // the largest remainders
  }
  EXPECT_GT(full, 100);
  EXPECT_LT(refused, 300);
}

TEST(ErdosRenyi, Refuses) {
  EXPECT_TRUE(refuses([] { erdos_renyi({{10, 10}}, 98); }, {"98", "did you mean 0.98?"}));
  EXPECT_TRUE(refuses([] { erdos_renyi({{10, 10}}, 1); }, {"1"}));
  EXPECT_TRUE(refuses([] { erdos_renyi({{10, 10}}, std::nan("")); }, {"nan"}));
  EXPECT_TRUE(refuses([] { erdos_renyi({{10}}, 0.5); }, {"(10)", "(out, in, ...)"}));
  EXPECT_TRUE(refuses([] { erdos_renyi({{1000, 1000}, {1, 1}}, 0.9999); }, {"layer 1", "(1, 1)", "lower sparsity"}));
}

TEST(RandomMasks, HaveExactCountsAndBelongToAName) {
  nn::Parameter a("a", {30, 40}), b("b", {30, 40}), c("c", {7, 1});
  for (const std::int64_t k : {0, 1, 17, 600, 1199, 1200}) {
    const auto masks = random_masks({&a, &b, &c}, {k, 1200 - k, 3}, Random(1));
    const std::vector<std::int64_t> want{k, 1200 - k, 3};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto m = masks[i].data<std::uint8_t>();
      EXPECT_EQ(std::accumulate(m.begin(), m.end(), std::int64_t{0}), want[i]);
    }
  }
  const auto first = random_masks({&a, &b}, {600, 600}, Random(1)), again = random_masks({&b, &a}, {600, 600}, Random(1));
  EXPECT_TRUE(same_bits(first[0], again[1]));
  EXPECT_FALSE(same_bits(first[0], first[1]));
  EXPECT_FALSE(same_bits(first[0], random_masks({&a}, {600}, Random(2))[0]));
  EXPECT_FALSE(a.is_masked());
  EXPECT_TRUE(refuses([&] { random_masks({&a}, {1201}, Random(1)); }, {"1201", "1200", "\"a\""}));
  EXPECT_TRUE(refuses([&] { random_masks({&a}, {1, 2}, Random(1)); }, {"1 parameters", "2 counts"}));
}

}  // namespace
}  // namespace bonsai::prune
