// k-means on a line, against all ways to cut the sorted values into intervals, and against Lloyd's iterations as one would write them down.
#include "prune/compress/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/refuses.h"

namespace bonsai::prune {
namespace {
using test::refuses;

std::vector<float> some(Random r, int n, bool ties) {
  std::vector<float> v;
  for (int i = 0; i < n; ++i) v.push_back(ties ? static_cast<float>(r.below(7)) - 3 : static_cast<float>(r.normal()));
  return v;
}

double error_of(std::span<const double> part) {
  double mean = 0, e = 0;
  for (double x : part) mean += x / static_cast<double>(part.size());
  for (double x : part) e += (x - mean) * (x - mean);
  return e;
}

// The least error over every choice of k - 1 cuts.
double brute_force(std::span<const double> sorted, std::size_t k) {
  if (k == 1) return error_of(sorted);
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t cut = k - 1; cut < sorted.size(); ++cut) best = std::min(best, brute_force(sorted.first(cut), k - 1) + error_of(sorted.subspan(cut)));
  return best;
}

TEST(KMeans, TheOptimumIsThatOfAllCuts) {
  for (int trial = 0; trial < 60; ++trial) {
    const Random r = Random(3).derive(static_cast<std::uint64_t>(trial));
    const std::vector<float> v = some(r, 1 + trial % 12, trial % 3 == 0);
    std::vector<double> sorted(v.begin(), v.end());
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t k = 1; k <= std::min<std::size_t>(5, v.size()); ++k) {
      const Clusters best = kmeans("w", v, static_cast<std::int64_t>(k), Centroids::optimal);
      const double truth = brute_force(sorted, k);
      EXPECT_LE(std::abs(best.error - truth), 1e-9) << "trial " << trial << " k " << k;
      for (const Centroids how : {Centroids::linear, Centroids::density, Centroids::random})
        EXPECT_GE(kmeans("w", v, static_cast<std::int64_t>(k), how, r).error, truth - 1e-9);
    }
  }
}

// Lloyd's iterations with nothing but two loops, from the same beginnings; where no cluster is ever empty the end must be the same.
TEST(KMeans, LloydsIterationsAreTheTextbooks) {
  int compared = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<float> v = some(Random(5).derive(static_cast<std::uint64_t>(trial)), 40, false);
    const auto [low, high] = std::minmax_element(v.begin(), v.end());
    std::vector<float> sorted = v;
    std::sort(sorted.begin(), sorted.end());
    for (const Centroids how : {Centroids::linear, Centroids::density}) {
      const std::size_t k = 2 + static_cast<std::size_t>(trial % 5);
      std::vector<double> c;
      for (std::size_t i = 0; i < k; ++i)
        c.push_back(how == Centroids::linear ? *low + (static_cast<double>(*high) - *low) * static_cast<double>(i) / static_cast<double>(k - 1)
                                             : sorted[(2 * i + 1) * v.size() / (2 * k)]);
      std::vector<std::size_t> of(v.size(), 99);
      bool empty = false, moved = true;
      while (moved && !empty) {
        moved = false;
        for (std::size_t i = 0; i < v.size(); ++i) {
          std::size_t near = 0;
          for (std::size_t j = 1; j < k; ++j)
            if (std::abs(v[i] - c[j]) < std::abs(v[i] - c[near])) near = j;
          moved |= near != of[i];
          of[i] = near;
        }
        for (std::size_t j = 0; j < k; ++j) {
          double sum = 0, n = 0;
          for (std::size_t i = 0; i < v.size(); ++i)
            if (of[i] == j) sum += v[i], ++n;
          empty |= n == 0;
          c[j] = sum / n;
        }
      }
      if (empty) continue;
      ++compared;
      const Clusters ours = kmeans("w", v, static_cast<std::int64_t>(k), how);
      ASSERT_EQ(ours.centroids.size(), k);
      for (std::size_t j = 0; j < k; ++j) EXPECT_LE(std::abs(ours.centroids[j] - c[j]), 1e-9);
      for (std::size_t i = 0; i < v.size(); ++i) EXPECT_EQ(ours.of[i], static_cast<std::int32_t>(of[i]));
    }
  }
  EXPECT_GT(compared, 200);
}

// Whatever the beginning: every value with its nearest centroid, every centroid the mean of its values, none without.
TEST(KMeans, EndsWhereNothingChanges) {
  for (int trial = 0; trial < 200; ++trial) {
    const Random r = Random(7).derive(static_cast<std::uint64_t>(trial));
    const std::vector<float> v = some(r, 1 + trial % 50, trial % 2 == 0);
    std::vector<float> different = v;
    std::sort(different.begin(), different.end());
    different.erase(std::unique(different.begin(), different.end()), different.end());
    for (const Centroids how : {Centroids::linear, Centroids::density, Centroids::random, Centroids::optimal})
      for (const std::size_t k : {std::size_t{1}, std::size_t{3}, v.size()}) {
        if (k > v.size()) continue;
        const Clusters c = kmeans("w", v, static_cast<std::int64_t>(k), how, r);
        ASSERT_EQ(c.centroids.size(), std::min(k, different.size()));
        std::vector<double> sum(c.centroids.size(), 0), n(c.centroids.size(), 0);
        double error = 0;
        for (std::size_t i = 0; i < v.size(); ++i) {
          const auto j = static_cast<std::size_t>(c.of[i]);
          ASSERT_LT(j, c.centroids.size());
          sum[j] += v[i], ++n[j], error += (v[i] - c.centroids[j]) * (v[i] - c.centroids[j]);
          for (const double other : c.centroids) EXPECT_LE(std::abs(v[i] - c.centroids[j]), std::abs(v[i] - other) + 1e-9);
        }
        for (std::size_t j = 0; j < sum.size(); ++j) {
          ASSERT_GT(n[j], 0);
          EXPECT_LE(std::abs(sum[j] / n[j] - c.centroids[j]), 1e-9);
          if (j > 0) { EXPECT_GT(c.centroids[j], c.centroids[j - 1]); }
        }
        EXPECT_LE(std::abs(error - c.error), 1e-9);
        if (k == v.size()) { EXPECT_LE(c.error, 1e-12); }
      }
  }
}

// Two weights far out, and nobody near the middle: linear beginnings leave most clusters empty, and all must find something to do.
TEST(KMeans, EmptyClustersTakeTheFarthestValue) {
  std::vector<float> v;
  for (int i = 0; i < 100; ++i) v.push_back(static_cast<float>(i) * 1e-3f);
  v.push_back(-50), v.push_back(80);
  const Clusters c = kmeans("w", v, 16);
  EXPECT_EQ(c.centroids.size(), 16u);
  EXPECT_LE(c.error, 4 * kmeans("w", v, 16, Centroids::optimal).error);
}

TEST(KMeans, Refuses) {
  const std::vector<float> v{1, 2, 3}, bad{1, std::numeric_limits<float>::quiet_NaN()}, worse{std::numeric_limits<float>::infinity()};
  EXPECT_TRUE(refuses([&] { kmeans("\"fc1\"", v, 4); }, {"\"fc1\"", "4 clusters for 3 kept weights"}));
  EXPECT_TRUE(refuses([&] { kmeans("\"fc1\"", v, 0); }, {"\"fc1\"", "0 clusters"}));
  EXPECT_TRUE(refuses([&] { kmeans("\"fc1\"", {}, 1); }, {"1 clusters for 0 kept weights"}));
  EXPECT_TRUE(refuses([&] { kmeans("\"fc1\"", bad, 1); }, {"\"fc1\"", "weight 1", "nan"}));
  EXPECT_TRUE(refuses([&] { kmeans("\"fc1\"", worse, 1); }, {"weight 0", "inf"}));
  EXPECT_TRUE(refuses([] { centroids("best"); }, {"\"best\"", "linear, density or random"}));
  EXPECT_EQ(centroids("density"), Centroids::density);
}

}  // namespace
}  // namespace bonsai::prune
