// take, split, floats from pixels, and the toys.
#include "datasets/dataset.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "datasets/toys.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

// n images of 1x2x2; image i holds i, i+1, i+2, i+3 (mod 256), labels i mod 3.
Dataset counting(std::int64_t n) {
  Dataset d{"counting", empty({n, 1, 2, 2}, DType::u8), empty({n}, DType::i64), {"a", "b", "c"}};
  auto x = d.inputs.mutable_data<std::uint8_t>();
  auto y = d.labels.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) x[i * 4 + j] = static_cast<std::uint8_t>(i + j);
    y[i] = i % 3;
  }
  return d;
}

std::vector<std::int64_t> numbers(const Dataset& d) {  // which images of counting(n), n <= 256, these are
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < d.size(); ++i) {
    out.push_back(static_cast<std::int64_t>(d.inputs.at(4 * i)));
    EXPECT_EQ(d.labels.at(i), static_cast<double>(out.back() % 3));
    for (int j = 1; j < 4; ++j) EXPECT_EQ(d.inputs.at(4 * i + j), static_cast<double>((out.back() + j) % 256));
  }
  return out;
}

TEST(Dataset, TakeTakesTheRows) {
  const Dataset d = counting(10);
  const Dataset t = take(d, tensor<std::int64_t>({7, 0, 7}));
  EXPECT_EQ(t.inputs.shape(), Shape({3, 1, 2, 2}));
  EXPECT_EQ(t.classes, d.classes);
  EXPECT_EQ(numbers(t), (std::vector<std::int64_t>{7, 0, 7}));
  EXPECT_EQ(take(d, empty({0}, DType::i64)).size(), 0);
  EXPECT_EQ(take(take(d, empty({0}, DType::i64)), empty({0}, DType::i64)).size(), 0);
  EXPECT_MESSAGE(take(d, tensor<std::int64_t>({10})), "take: example 10 of a dataset with 10");
  EXPECT_MESSAGE(take(d, tensor<std::int64_t>({-1})), "take: example -1");
  EXPECT_MESSAGE(take(d, tensor<float>({1})), "indices must be i64 (k), got f32 (1)");
  EXPECT_EQ(take(xor_set(), tensor<std::int64_t>({3})).inputs.to_vector<float>(), (std::vector<float>{1, 1}));
}

TEST(Dataset, SplitHasNoOverlapAndLosesNothing) {
  const Dataset d = counting(256);
  for (std::int64_t validation : {0, 1, 50, 255, 256}) {
    const auto [train, held] = split(d, validation, Random(3));
    EXPECT_EQ(held.size(), validation);
    const auto a = numbers(train), b = numbers(held);
    EXPECT_TRUE(std::ranges::is_sorted(a) && std::ranges::is_sorted(b));
    std::vector<std::int64_t> both;
    std::ranges::merge(a, b, std::back_inserter(both));
    std::vector<std::int64_t> all(256);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(both, all);
  }
  EXPECT_EQ(numbers(split(d, 50, Random(3)).second), numbers(split(d, 50, Random(3)).second));
  EXPECT_NE(numbers(split(d, 50, Random(3)).second), numbers(split(d, 50, Random(4)).second));
  EXPECT_MESSAGE(split(d, 257, Random(3)), "split: 257 validation examples of 256");
  EXPECT_MESSAGE(split(d, -1, Random(3)), "split: -1 validation examples");
}

TEST(Dataset, SplitDrawsFairly) {
  std::vector<int> held(20);
  for (int seed = 0; seed < 2000; ++seed)
    for (std::int64_t i : numbers(split(counting(20), 5, Random(seed)).second)) ++held[i];
  for (int h : held) EXPECT_NEAR(h, 500, 5 * std::sqrt(2000 * 0.25 * 0.75));  // five standard deviations
}

TEST(Dataset, PixelsBecomeExactlyXOver255) {
  const Dataset d = counting(256);
  const Tensor x = as_floats(d);
  EXPECT_EQ(x.shape(), Shape({256, 1, 2, 2}));
  ASSERT_EQ(x.dtype(), DType::f32);
  for (std::int64_t i = 0; i < x.numel(); ++i)
    ASSERT_EQ(x.data<float>()[i], static_cast<float>(d.inputs.at(i)) / 255.0f);
  EXPECT_EQ(x.at(0), 0);
  EXPECT_EQ(x.at(4 * 255), 1);
}

TEST(Dataset, NormalizationIsByChannel) {
  Dataset d{"colour", tensor<std::uint8_t>({0, 51, 102, 153, 204, 255}, {1, 3, 1, 2}), tensor<std::int64_t>({0}), {}};
  auto near = [&](const Normalization& n, std::vector<double> want) {
    const Tensor x = as_floats(d, n);
    for (int i = 0; i < 6; ++i) EXPECT_NEAR(x.at(i), want[i], 1e-6);
  };
  near({.mean = {0.5}, .deviation = {0.5}}, {-1, -0.6, -0.2, 0.2, 0.6, 1});
  near({.mean = {0.1, 0.2, 0.3}, .deviation = {1, 2, 4}}, {-0.1, 0.1, 0.1, 0.2, 0.125, 0.175});
  near({.mean = {0.5}, .deviation = {}}, {-0.5, -0.3, -0.1, 0.1, 0.3, 0.5});
  EXPECT_MESSAGE(as_floats(d, {.mean = {1, 2}, .deviation = {}}), "2 means and 0 deviations for inputs (1, 3, 1, 2)");
  EXPECT_MESSAGE(as_floats(d, {.mean = {}, .deviation = {0}}), "the deviation above 0");
  EXPECT_MESSAGE(as_floats(xor_set(), {.mean = {0.5}, .deviation = {}}), "its inputs are floats already");
}

TEST(Dataset, NormalizationOfAllPixels) {
  Dataset d = counting(2);  // 0 1 2 3, 1 2 3 4: mean 2, variance (4+1+0+1 + 1+0+1+4)/8 = 1.5
  const Normalization n = normalization_of(d);
  ASSERT_EQ(n.mean.size(), 1u);
  ASSERT_EQ(n.deviation.size(), 1u);
  EXPECT_NEAR(n.mean[0], 2.0 / 255, 1e-15);
  EXPECT_NEAR(n.deviation[0], std::sqrt(1.5) / 255, 1e-15);
  const Tensor x = as_floats(d, n);
  EXPECT_NEAR(x.at(0), -2 / std::sqrt(1.5), 1e-6);
  EXPECT_NEAR(x.at(7), 2 / std::sqrt(1.5), 1e-6);
  EXPECT_MESSAGE(normalization_of(xor_set()), "it has no pixels");
}

TEST(Dataset, NormalizationOfEachChannel) {
  // Two examples of two channels of two pixels: 1 3, 10 10 and 5 7, 20 40. Means 4 and 20, variances 5 and 150.
  const Dataset d{"two channels", tensor<std::uint8_t>({1, 3, 10, 10, 5, 7, 20, 40}, {2, 2, 1, 2}), arange(2), {}};
  const Normalization n = channel_normalization_of(d);
  ASSERT_EQ(n.mean.size(), 2u);
  ASSERT_EQ(n.deviation.size(), 2u);
  for (int c = 0; c < 2; ++c) {
    EXPECT_NEAR(n.mean[c], (c == 0 ? 4.0 : 20.0) / 255, 1e-15);
    EXPECT_NEAR(n.deviation[c], std::sqrt(c == 0 ? 5.0 : 150.0) / 255, 1e-15);
  }
  EXPECT_MESSAGE(channel_normalization_of(xor_set()), "it has no pixels");
}

TEST(Dataset, BalancedTakesAsManyOfEachClass) {
  const Dataset d = counting(256);  // 86, 85 and 85 of a class
  for (std::int64_t per_class : {1, 10, 85}) {
    const auto chosen = balanced(d, per_class, Random(3)).to_vector<std::int64_t>();
    ASSERT_EQ(static_cast<std::int64_t>(chosen.size()), 3 * per_class);
    EXPECT_TRUE(std::adjacent_find(chosen.begin(), chosen.end(), std::greater_equal<>()) == chosen.end());  // rising, no repeats
    std::int64_t of[3] = {0, 0, 0};
    for (std::int64_t i : chosen) ++of[i % 3];
    for (std::int64_t n : of) EXPECT_EQ(n, per_class);
  }
  EXPECT_EQ(balanced(d, 10, Random(3)).to_vector<std::int64_t>(), balanced(d, 10, Random(3)).to_vector<std::int64_t>());
  EXPECT_NE(balanced(d, 10, Random(3)).to_vector<std::int64_t>(), balanced(d, 10, Random(4)).to_vector<std::int64_t>());
  EXPECT_MESSAGE(balanced(d, 86, Random(3)), "class \"b\" of \"counting\" has 85 examples, 86 are asked for");
  EXPECT_MESSAGE(balanced(d, 0, Random(3)), "balanced: 0 examples a class");
}

TEST(Dataset, CheckRefusesPartsThatDoNotFit) {
  Dataset d = counting(4);
  check(d);
  auto broken = [&](auto change) {
    Dataset b = d;
    change(b);
    return b;
  };
  EXPECT_MESSAGE(check(Dataset{}), "inputs or labels are undefined");
  EXPECT_MESSAGE(check(broken([](Dataset& b) {
                   b.inputs = zeros({4, 1}, DType::f64);
                 })),
                 "inputs must be u8 or f32, got f64");
  EXPECT_MESSAGE(check(broken([](Dataset& b) { b.inputs = zeros({4}); })),
                 "need an axis of examples and one of features");
  EXPECT_MESSAGE(check(broken([](Dataset& b) { b.labels = zeros({4}); })), "labels must be i64 (n), got f32 (4)");
  EXPECT_MESSAGE(check(broken([](Dataset& b) { b.labels = zeros({3}, DType::i64); })),
                 "differ in their number of examples");
  EXPECT_MESSAGE(check(broken([](Dataset& b) { b.labels = full({4}, 3, DType::i64); })), "label 3 of 3 classes");
  EXPECT_MESSAGE(check(broken([](Dataset& b) { b.labels = full({4}, -1, DType::i64); })), "label -1");
}

TEST(Toys, Xor) {
  const Dataset d = xor_set();
  check(d);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(d.labels.at(i), d.inputs.at(2 * i) != d.inputs.at(2 * i + 1));
}

TEST(Toys, SpiralsWithoutNoiseLieOnTheirArms) {
  const Dataset d = spirals(50, 3, 0, Random(1));
  check(d);
  EXPECT_EQ(d.inputs.shape(), Shape({150, 2}));
  for (std::int64_t i = 0; i < 150; ++i) {
    const double x = d.inputs.at(2 * i), y = d.inputs.at(2 * i + 1), radius = std::hypot(x, y);
    EXPECT_EQ(d.labels.at(i), static_cast<double>(i / 50));
    EXPECT_NEAR(radius, 0.1 + 0.9 * static_cast<double>(i % 50) / 49, 1e-6);
    const double turns =
        1.5 * (radius - 0.1) / 0.9 + static_cast<double>(i / 50) / 3;  // where the arm is at this radius
    EXPECT_NEAR(std::cos(2 * M_PI * turns) * radius, x, 1e-5);
  }
  EXPECT_EQ(spirals(5, 2, 0.1, Random(1)).inputs.to_vector<float>(),
            spirals(5, 2, 0.1, Random(1)).inputs.to_vector<float>());
  EXPECT_NE(spirals(5, 2, 0.1, Random(1)).inputs.to_vector<float>(),
            spirals(5, 2, 0.1, Random(2)).inputs.to_vector<float>());
  EXPECT_MESSAGE(spirals(0, 2, 0.1, Random(1)), "spirals: 0 examples of each of 2 classes");
}

TEST(Toys, BlobsAreNormalAroundTheirCentres) {
  const std::int64_t n = 4000;
  const Dataset d = blobs(n, 3, 0.25, Random(1), 4);
  check(d);
  EXPECT_EQ(d.inputs.shape(), Shape({3 * n, 4}));
  for (int c = 0; c < 3; ++c)
    for (int f = 0; f < 4; ++f) {
      double sum = 0, squares = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += d.inputs.at((c * n + i) * 4 + f);
      for (std::int64_t i = 0; i < n; ++i) squares += std::pow(d.inputs.at((c * n + i) * 4 + f) - sum / n, 2);
      const double angle = 2 * M_PI * c / 3, centre = f == 0 ? std::cos(angle) : f == 1 ? std::sin(angle) : 0;
      EXPECT_NEAR(sum / n, centre, 5 * 0.25 / std::sqrt(n));
      EXPECT_NEAR(std::sqrt(squares / n), 0.25, 5 * 0.25 / std::sqrt(2.0 * n));
    }
  EXPECT_MESSAGE(blobs(1, 2, 0.1, Random(1), 1), "at least 2 are needed");
}

}  // namespace
}  // namespace bonsai::datasets
