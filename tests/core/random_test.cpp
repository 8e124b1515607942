// Random numbers: known answers, moments, independence of streams, and shuffles without bias. Seeds are fixed: these never flicker.
#include "core/random.h"

#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "core/backend.h"
#include "tests/core/check.h"

namespace bonsai::check {
namespace {

TEST(Random, PhiloxKnownAnswers) {  // Random123's kat_vectors, philox 4x32 10; the other two need counter words 2 and 3
  EXPECT_EQ(philox(0, 0), (Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(Random, TensorsAreTheSameOnEveryBackend) {
  for (DType t : {DType::f32, DType::f64})
    for (std::int64_t n : {0, 1, 2, 3, 5, 16383, 16384, 16385, 50001}) {
      const Tensor u = Random(5).uniform({n}, 0, 1, t), g = Random(5).normal({n}, 0, 1, t);
      UseBackend reference(reference_backend());
      EXPECT_TRUE(same_bits(Random(5).uniform({n}, 0, 1, t), u));
      EXPECT_TRUE(same_bits(Random(5).normal({n}, 0, 1, t), g));
    }
}

// The k-th moments about the mean must lie within five standard errors of their true values.
void expect_moments(const Tensor& x, double mean, double variance, double skewness, double kurtosis) {
  const double n = static_cast<double>(x.numel());
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  for (std::int64_t i = 0; i < x.numel(); ++i) m1 += x.at(i) / n;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const double d = x.at(i) - m1;
    m2 += d * d / n, m3 += d * d * d / n, m4 += d * d * d * d / n;
  }
  EXPECT_NEAR(m1, mean, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(m2 / variance, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(m3 / std::pow(variance, 1.5), skewness, 5 * std::sqrt(6 / n));
  EXPECT_NEAR(m4 / (variance * variance), kurtosis, 5 * std::sqrt(24 / n));
}

TEST(Random, Moments) {
  expect_moments(Random(1).uniform({200000}, -1, 3, DType::f64), 1, 16.0 / 12, 0, 1.8);
  expect_moments(Random(2).normal({200000}, 2, 0.5, DType::f64), 2, 0.25, 0, 3);
  expect_moments(Random(3).normal({200000}), 0, 1, 0, 3);
  const Tensor b = Random(4).bernoulli({100000}, 0.3);
  EXPECT_NEAR(mean(b).item(), 0.3, 5 * std::sqrt(0.21 / 100000));
  EXPECT_EQ(sum(b * (1 - b)).item(), 0) << "zeros and ones";
  const Tensor u = Random(5).uniform({200000});
  EXPECT_GE(min(u).item(), 0);
  EXPECT_LT(max(u).item(), 1);
  Random r(6);
  double total = 0, squares = 0;
  for (int i = 0; i < 50000; ++i) {
    const double x = r.normal();
    total += x, squares += x * x;
    const double v = r.uniform();
    ASSERT_TRUE(v >= 0 && v < 1);
  }
  EXPECT_NEAR(total / 50000, 0, 5 / std::sqrt(50000.0));
  EXPECT_NEAR(squares / 50000, 1, 5 * std::sqrt(2 / 50000.0));
}

TEST(Random, StreamsAreUnrelated) {
  const Random root(7);
  const std::int64_t n = 20000;
  Tensors streams{root.derive("init").uniform({n}), root.derive("batches").uniform({n}), root.derive(0).uniform({n}),
                  root.derive(1).uniform({n}),      Random(8).uniform({n}),              Random(7).uniform({n})};
  for (std::size_t a = 0; a < streams.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      const double correlation = 12 * mean((streams[a] - 0.5) * (streams[b] - 0.5)).item();
      EXPECT_LT(std::abs(correlation), 5 / std::sqrt(static_cast<double>(n))) << a << " and " << b;
    }
  // The same name is the same stream, whoever asked for what before.
  Random used(7);
  for (int i = 0; i < 5; ++i) used.word();
  EXPECT_TRUE(same_bits(used.derive("init").uniform({9}), root.derive("init").uniform({9})));
  std::set<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < 10000; ++i) keys.insert(root.derive(i).key());
  EXPECT_EQ(keys.size(), 10000u);
}

TEST(Random, OneStreamNeverRepeatsABlock) {  // tensors and single words may be mixed
  Random r(9);
  std::set<double> seen;
  std::size_t drawn = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < round % 5; ++i, ++drawn) seen.insert(static_cast<double>(r.word()) + 0.5);
    const Tensor g = r.normal({round % 7}, 0, 1, DType::f64);
    for (std::int64_t i = 0; i < g.numel(); ++i, ++drawn) seen.insert(g.at(i));
  }
  EXPECT_EQ(seen.size(), drawn);
}

double chi_square(const std::vector<double>& counts) {
  const double expected = std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double total = 0;
  for (double c : counts) total += (c - expected) * (c - expected) / expected;
  return total;
}

TEST(Random, PermutationsArePermutationsAndEquallyLikely) {
  Random r(10);
  for (std::int64_t n : {0, 1, 2, 1000}) {
    const auto p = r.permutation(n).to_vector<std::int64_t>();
    EXPECT_EQ(std::set<std::int64_t>(p.begin(), p.end()).size(), static_cast<std::size_t>(n));
    for (std::int64_t v : p) EXPECT_TRUE(v >= 0 && v < n);
  }
  std::map<std::vector<std::int64_t>, double> counts;
  for (int i = 0; i < 24000; ++i) ++counts[r.permutation(4).to_vector<std::int64_t>()];
  ASSERT_EQ(counts.size(), 24u);
  std::vector<double> all;
  for (auto& [p, c] : counts) all.push_back(c);
  EXPECT_LT(chi_square(all), 49.7);  // 23 degrees of freedom: exceeded once in a thousand
}

TEST(Random, BelowIsUniformAndInRange) {
  Random r(11);
  std::vector<double> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(r.below(7));
  EXPECT_LT(chi_square(counts), 22.5);  // 6 degrees of freedom
  EXPECT_EQ(r.below(1), 0u);
  const std::uint64_t large = (std::uint64_t{1} << 63) + 1;  // half of all words must be drawn again
  for (int i = 0; i < 100; ++i) EXPECT_LT(r.below(large), large);
}

}  // namespace
}  // namespace bonsai::check
