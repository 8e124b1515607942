// FPGM and the geometric median, against the plainest loops and against search.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "prune/scores/fpgm_mix.h"
#include "prune/scores/geometric_median.h"
#include "tests/prune/scores_support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

double distance(const Tensor& w, std::int64_t i, std::int64_t j) {
  const std::int64_t d = w.numel() / w.size(0);
  long double squares = 0;
  for (std::int64_t k = 0; k < d; ++k) squares += std::pow(static_cast<long double>(w.at(i * d + k)) - w.at(j * d + k), 2);
  return static_cast<double>(std::sqrt(squares));
}

double sum_of_distances(const Tensor& w, const std::vector<double>& x) {
  double total = 0;
  const auto d = static_cast<std::int64_t>(x.size());
  for (std::int64_t j = 0; j < w.size(0); ++j) {
    double squares = 0;
    for (std::int64_t k = 0; k < d; ++k) squares += (w.at(j * d + k) - x[k]) * (w.at(j * d + k) - x[k]);
    total += std::sqrt(squares);
  }
  return total;
}

TEST(Fpgm, IsThePlainSumOverWhoIsAlive) {
  Random random(1);
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& shape : {Shape{1, 3}, Shape{2, 1}, Shape{9, 4}, Shape{8, 3, 3, 3}, Shape{5, 2, 1, 7}}) {
      const Tensor w = noise(shape.numel(), shape, 1, t);
      const std::int64_t n = shape[0];
      for (int trial = 0; trial < 4; ++trial) {
        const Tensor alive = mask_of({n}, [&](std::int64_t) { return trial == 0 || random.below(3) > 0; });
        Tensor want = zeros({n}, DType::f64);
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t j = 0; j < n; ++j)
            if (alive.at(i) != 0 && alive.at(j) != 0) want.mutable_data<double>()[i] += distance(w, i, j);
        EXPECT_TRUE(close(fpgm(w, alive), want, 1e-12));
        if (trial == 0) {
          EXPECT_TRUE(same_bits(fpgm(w), fpgm(w, alive)));
        }
      }
    }
  EXPECT_EQ(fpgm(ones({1, 3})).to_vector<double>(), std::vector{0.0});
  EXPECT_EQ(fpgm(ones({0, 3})).numel(), 0);
  EXPECT_EQ(fpgm(ones({3, 0})).to_vector<double>(), (std::vector{0.0, 0.0, 0.0}));
}

// A fault seen elsewhere: on w² (or |w|) a filter and its opposite are one.
TEST(Fpgm, TellsAFilterFromItsOpposite) {
  const Tensor w = tensor({1.0, 2.0, -1.0, -2.0, 1.5, 2.5}, {3, 2});
  const Tensor s = fpgm(w), blind = fpgm(w * w), blinder = fpgm(abs(w));
  EXPECT_EQ(std::min_element(s.data<double>().begin(), s.data<double>().end()) - s.data<double>().begin(), 0);
  EXPECT_GT(s.at(1), s.at(2));   // the opposite one is the most singular of all
  EXPECT_EQ(blind.at(0), blind.at(1));
  EXPECT_EQ(blinder.at(0), blinder.at(1));
  const Tensor pair = fpgm(tensor({1.0, 2.0, -1.0, -2.0}, {2, 2}));
  EXPECT_DOUBLE_EQ(pair.at(0), 2 * std::sqrt(5.0));
}

TEST(Fpgm, RefusesWithOneLine) {
  const Tensor w = noise(1, {4, 3});
  EXPECT_TRUE(refuses([&] { fpgm(with(w, 7, nan)); }, {"FPGM", "filter 2", "(4, 3)", "nan"}));
  EXPECT_TRUE(refuses([&] { fpgm(with(w, 7, infinity)); }, {"filter 2", "inf"}));
  const Tensor alive = tensor<std::uint8_t>({1, 1, 0, 1});
  EXPECT_TRUE(close(fpgm(with(w, 7, nan), alive), fpgm(w, alive), 0));  // who is dead is not looked at
  EXPECT_TRUE(refuses([&] { fpgm(noise(1, {4})); }, {"(out, ...)", "(4)"}));
  EXPECT_TRUE(refuses([&] { fpgm({}); }, {"undefined"}));
  EXPECT_TRUE(refuses([&] { fpgm(zeros({4, 3}, DType::i64)); }, {"i64"}));
  EXPECT_TRUE(refuses([&] { fpgm(w, tensor<std::uint8_t>({1, 1, 0})); }, {"u8 (4)", "(3)"}));
  EXPECT_TRUE(refuses([&] { fpgm(w, ones({4})); }, {"u8 (4)", "f32"}));
}

// Sorting, as plainly as it can be said.
TEST(FpgmMix, TakesTheSmallestAndThenTheMiddleOfTheRest) {
  Random random(2);
  for (int trial = 0; trial < 200; ++trial) {
    const std::int64_t n = 2 + static_cast<std::int64_t>(random.below(19));
    const Tensor w = noise(trial, {n, 2, 3});
    const Tensor alive = mask_of({n}, [&](std::int64_t i) { return i == 0 || random.below(4) > 0; });
    const FpgmMix mix{.by_norm = 0.1 * static_cast<double>(random.below(4)), .by_distance = 0.1 * static_cast<double>(random.below(4))};
    std::vector<std::int64_t> left;
    for (std::int64_t i = 0; i < n; ++i)
      if (alive.at(i) != 0) left.push_back(i);
    const double were = static_cast<double>(left.size());
    const auto small = static_cast<std::ptrdiff_t>(std::nearbyint(mix.by_norm * were)), total = static_cast<std::ptrdiff_t>(std::nearbyint((mix.by_norm + mix.by_distance) * were));
    if (total == static_cast<std::ptrdiff_t>(left.size())) {
      EXPECT_TRUE(refuses([&] { fpgm_mix(w, mix, alive); }, {"FPGM mix", "leave one"}));
      continue;
    }
    auto lowest_go = [&](std::ptrdiff_t count, auto score) {
      std::vector<std::pair<double, std::int64_t>> order;
      for (std::int64_t i : left) order.emplace_back(score(i), i);
      std::sort(order.begin(), order.end());
      left.clear();
      for (std::size_t k = static_cast<std::size_t>(count); k < order.size(); ++k) left.push_back(order[k].second);
      std::sort(left.begin(), left.end());
    };
    lowest_go(small, [&](std::int64_t i) {
      double squares = 0;
      for (int k = 0; k < 6; ++k) squares += w.at(i * 6 + k) * w.at(i * 6 + k);
      return std::sqrt(squares);
    });
    const auto others = left;
    lowest_go(total - small, [&](std::int64_t i) {
      double s = 0;
      for (std::int64_t j : others) s += distance(w, i, j);
      return s;
    });
    const Tensor want = mask_of({n}, [&](std::int64_t i) { return std::count(left.begin(), left.end(), i) > 0; });
    EXPECT_TRUE(same_bits(fpgm_mix(w, mix, alive), want)) << trial;
  }
  const Tensor w = noise(1, {16, 4});
  EXPECT_EQ(sum(fpgm_mix(w)).to_vector<std::int64_t>()[0], 10);  // 40% of 16 is 6.4
  EXPECT_TRUE(same_bits(fpgm_mix(w, {0, 0}), ones({16}, DType::u8)));
  EXPECT_TRUE(refuses([&] { fpgm_mix(w, {.by_norm = 10, .by_distance = 30}); }, {"FPGM mix", "not between 0 and 1"}));
  EXPECT_TRUE(refuses([&] { fpgm_mix(w, {.by_norm = 0.5, .by_distance = -0.1}); }, {"-0.1"}));
  EXPECT_TRUE(refuses([&] { fpgm_mix(w, {.by_norm = 0.5, .by_distance = nan}); }, {"FPGM mix", "nan"}));
}

TEST(GeometricMedian, NoPointNearbyIsBetterAndFpgmsArgminIsTheBestFilter) {
  int at_a_filter = 0, between = 0, nearest_is_another = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const std::int64_t n = 3 + trial % 8, d = 2 + trial % 3;
    const Tensor w = noise(trial, {n, d});
    const GeometricMedian m = geometric_median(w);
    ASSERT_TRUE(m.converged) << trial << ": slope " << m.slope << " after " << m.steps;
    const std::vector<double> x = m.x.to_vector<double>();
    EXPECT_NEAR(m.sum, sum_of_distances(w, x), 1e-12);
    (m.steps == 0 ? at_a_filter : between)++;
    for (double h : {1e-1, 1e-3, 1e-4})  // f is convex: no better point nearby, no better point at all
      for (std::int64_t k = 0; k < d; ++k)
        for (double side : {h, -h}) {
          std::vector<double> y = x;
          y[k] += side;
          EXPECT_GE(sum_of_distances(w, y), m.sum - 1e-10);
        }
    const Tensor s = fpgm(w);
    std::size_t argmin = 0, nearest = 0;
    std::vector<double> excess, away;
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<double> filter(d);
      double squares = 0;
      for (std::int64_t k = 0; k < d; ++k) filter[k] = w.at(i * d + k), squares += (filter[k] - x[k]) * (filter[k] - x[k]);
      excess.push_back(sum_of_distances(w, filter) - m.sum);
      away.push_back(squares);
      EXPECT_GE(excess.back(), -1e-10);
      if (s.at(i) < s.at(static_cast<std::int64_t>(argmin))) argmin = static_cast<std::size_t>(i);
      if (away.back() < away[nearest]) nearest = static_cast<std::size_t>(i);
    }
    EXPECT_EQ(argmin, static_cast<std::size_t>(std::min_element(excess.begin(), excess.end()) - excess.begin()));
    nearest_is_another += nearest != argmin;
  }
  EXPECT_GT(at_a_filter, 20);
  EXPECT_GT(between, 20);
  EXPECT_EQ(nearest_is_another, 19);  // the number in the card
}

// Weiszfeld's average has no meaning where a filter lies. Begun there, the plain iteration would divide by 0; this one leaves, and arrives.
TEST(GeometricMedian, LeavesAFilterThatIsNotTheMedian) {
  const Tensor w = tensor({0.0, 0.0, 4.0, 0.0, 0.0, 4.0, 4.0, 5.0, 1.0, 3.0}, {5, 2});
  const GeometricMedian want = geometric_median(w);
  ASSERT_TRUE(want.converged);
  for (std::int64_t i = 0; i < 5; ++i) {
    const GeometricMedian m = geometric_median(w, {.start = reshape(slice(w, 0, i, i + 1), {2})});
    EXPECT_TRUE(m.converged);
    EXPECT_TRUE(close(m.x, want.x, 1e-6));
    EXPECT_NEAR(m.sum, want.sum, 1e-9);
  }
  // The mean of these six is (0, 0), where two of them lie (η = 2), and the others pull with more than that: the case that stops Weiszfeld's
  // iteration from its usual start.
  const Tensor with_mean = tensor({0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.1, 1.0, -0.1, -3.0, 0.0}, {6, 2});
  const GeometricMedian from_mean = geometric_median(with_mean, {.start = zeros({2}, DType::f64)});
  EXPECT_TRUE(from_mean.converged);
  EXPECT_LE(from_mean.sum, sum_of_distances(with_mean, {0, 0}));
  EXPECT_NEAR(from_mean.sum, geometric_median(with_mean).sum, 1e-9);
}

TEST(GeometricMedian, OneFilterCopiesAndLines) {
  EXPECT_EQ(geometric_median(tensor({3.0, 4.0}, {1, 2})).x.to_vector<double>(), (std::vector{3.0, 4.0}));
  const GeometricMedian copies = geometric_median(ones({5, 2, 3}));
  EXPECT_TRUE(copies.converged);
  EXPECT_EQ(copies.x.shape(), (Shape{2, 3}));
  EXPECT_EQ(copies.sum, 0);
  const GeometricMedian line = geometric_median(tensor({0.0, 1.0, 2.0, 10.0, 50.0}, {5, 1}));  // the ordinary median
  EXPECT_EQ(line.x.at(0), 2);
  const GeometricMedian even = geometric_median(tensor({0.0, 1.0, 2.0, 10.0}, {4, 1}));  // anything between 1 and 2
  EXPECT_TRUE(even.converged);
  EXPECT_EQ(even.sum, 11);
  EXPECT_EQ(geometric_median(tensor({0.0, 0.0, 0.0, 4.0, 5.0}, {5, 1})).x.at(0), 0);
}

TEST(GeometricMedian, SaysWhenItHasNotArrivedAndRefuses) {
  const Tensor w = tensor({0.0, 0.0, 4.0, 0.0, 2.0, 3.0}, {3, 2});
  const GeometricMedian early = geometric_median(w, {.most = 2});
  EXPECT_FALSE(early.converged);
  EXPECT_EQ(early.steps, 2);
  EXPECT_TRUE(refuses([&] { geometric_median(zeros({0, 3})); }, {"geometric median", "(0, 3)"}));
  EXPECT_TRUE(refuses([&] { geometric_median(with(w, 3, nan)); }, {"filter 1", "nan"}));
  EXPECT_TRUE(refuses([&] { geometric_median(w, {.start = zeros({3}, DType::f64)}); }, {"shaped as a filter", "(2)", "(3)"}));
  EXPECT_TRUE(refuses([&] { geometric_median(w, {.start = full({2}, nan, DType::f64)}); }, {"start", "nan"}));
  EXPECT_TRUE(refuses([&] { geometric_median(w, {.tolerance = nan}); }, {"tolerance"}));
}

}  // namespace
}  // namespace bonsai::prune
