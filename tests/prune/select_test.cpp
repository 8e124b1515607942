// From scores to masks: counts, ties, refusals. Every peer that compares with a threshold is off by one somewhere, and by more at ties.
#include "prune/select.h"

#include <limits>

#include "core/random.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;
using Mask = std::vector<std::uint8_t>;

Mask remove_from(const Tensor& scores, std::int64_t remove, const Tensor& mask = {}) {
  return remove_lowest({{"w", scores, mask}}, remove)[0].to_vector<std::uint8_t>();
}

std::int64_t kept(const Tensor& mask) {
  std::int64_t n = 0;
  for (std::uint8_t m : mask.data<std::uint8_t>()) n += m;
  return n;
}

TEST(Count, HalvesGoToTheEvenNeighbour) {  // what nearbyint does, and std::round does not
  EXPECT_EQ(count(0.25, 10), 2);
  EXPECT_EQ(count(0.35, 10), 4);
  EXPECT_EQ(count(0.5, 1), 0);
  EXPECT_EQ(count(0.5, 3), 2);
  EXPECT_EQ(count(0.5, 5), 2);
  EXPECT_EQ(count(0.5, 7), 4);
  EXPECT_EQ(count(0, 1000), 0);
  EXPECT_EQ(count(1, 1000), 1000);
  EXPECT_EQ(count(0.3, 0), 0);
  EXPECT_EQ(count(0.9, 50'000'000), 45'000'000);
}

// k/10 of n in whole numbers. Where that is no half there is one right answer, and of the 18,000 halves up to n = 20,000 all but 149 are
// right too: 0.7 as a double is a little less than 7/10, so 0.7 · 45 is 31.499999999999996, and both we and PyTorch say 31, not 32.
TEST(Count, TenthsAgreeWithExactArithmetic) {
  std::int64_t other = 0;
  for (std::int64_t k = 1; k <= 9; ++k)
    for (std::int64_t n = 0; n <= 20000; ++n) {
      const std::int64_t whole = k * n / 10, tenths = k * n % 10;
      const std::int64_t want = tenths < 5 || (tenths == 5 && whole % 2 == 0) ? whole : whole + 1;
      const std::int64_t got = count(static_cast<double>(k) / 10, n);
      if (k == 7 && tenths == 5 && got == want - 1) ++other;
      else ASSERT_EQ(got, want) << k << "/10 of " << n;
    }
  EXPECT_EQ(other, 149);
  EXPECT_EQ(count(0.7, 45), 31);
}

TEST(Count, IsExactInQuartersOfAnySize) {  // fractions that a double holds exactly
  for (std::int64_t n : {1, 2, 3, 5, 6, 7, 266200, 16777217, 50'000'001})
    for (std::int64_t k = 0; k <= 4; ++k) {
      const std::int64_t whole = k * n / 4, quarters = k * n % 4;
      EXPECT_EQ(count(static_cast<double>(k) / 4, n), quarters < 2 || (quarters == 2 && whole % 2 == 0) ? whole : whole + 1);
    }
}

TEST(Count, RefusesWhatIsNoFraction) {
  EXPECT_TRUE(refuses([] { count(90, 10); }, {"90", "did you mean 0.9?"}));
  EXPECT_TRUE(refuses([] { count(1.5, 10); }, {"1.5", "between 0 and 1"}));
  EXPECT_TRUE(refuses([] { count(-0.1, 10); }, {"-0.1"}));
  EXPECT_TRUE(refuses([] { count(std::nan(""), 10); }, {"nan"}));
  EXPECT_TRUE(refuses([] { count(std::numeric_limits<double>::infinity(), 10); }, {"inf"}));
}

// 200 and 500 of 1000: the peers remove 201, 201, 501 and 499.
TEST(Select, ExactCountsWithAndWithoutTies) {
  for (const std::int64_t remove : {0, 1, 200, 500, 999, 1000}) {
    Random random(1);
    EXPECT_EQ(kept(remove_lowest({{"w", random.uniform({1000}), {}}}, remove)[0]), 1000 - remove);
    EXPECT_EQ(kept(remove_lowest({{"w", ones({1000}), {}}}, remove)[0]), 1000 - remove);
    EXPECT_EQ(kept(remove_lowest({{"w", zeros({1000}), {}}}, remove)[0]), 1000 - remove);
  }
}

TEST(Select, TiesGoLowestIndexFirst) {
  EXPECT_EQ(remove_from(tensor({2.f, 1.f, 1.f, 3.f, 1.f}), 2), (Mask{1, 0, 0, 1, 1}));
  EXPECT_EQ(remove_from(tensor({2.f, 1.f, 1.f, 3.f, 1.f}), 2, tensor<std::uint8_t>({1, 0, 1, 1, 1})), (Mask{1, 0, 0, 1, 0}));
  EXPECT_EQ(remove_from(ones({4}), 2), (Mask{0, 0, 1, 1}));
}

TEST(Select, BetweenCandidatesTheEarlierGoesFirst) {
  const auto masks = remove_lowest({{"a", ones({2}), {}}, {"b", tensor({0.f, 1.f, 1.f}), {}}, {"c", ones({1}), {}}}, 4);
  EXPECT_EQ(masks[0].to_vector<std::uint8_t>(), (Mask{0, 0}));
  EXPECT_EQ(masks[1].to_vector<std::uint8_t>(), (Mask{0, 0, 1}));
  EXPECT_EQ(masks[2].to_vector<std::uint8_t>(), (Mask{1}));
}

TEST(Select, BothZerosAreOneNumber) {
  EXPECT_EQ(remove_from(tensor({0.f, -0.f, 0.f, -0.f}), 2), (Mask{0, 0, 1, 1}));
  EXPECT_EQ(remove_from(tensor({0.0, -0.0, 0.0, -0.0}), 1), (Mask{0, 1, 1, 1}));
}

TEST(Select, NumbersOfEveryKindInTheirOrder) {
  const double infinity = std::numeric_limits<double>::infinity(), tiny = std::numeric_limits<double>::denorm_min();
  const Tensor f64 = tensor({infinity, 1.0, tiny, 0.0, -tiny, -1.0, -infinity, -1e300});
  const float inf32 = std::numeric_limits<float>::infinity(), tiny32 = std::numeric_limits<float>::denorm_min();
  const Tensor f32 = tensor({inf32, 1.f, tiny32, 0.f, -tiny32, -1.f, -inf32, -1e30f});
  const int order[] = {6, 7, 5, 4, 3, 2, 1, 0};
  for (const Tensor& scores : {f64, f32}) {
    Mask want(8, 1);
    for (int remove = 1; remove <= 8; ++remove) {
      want[order[remove - 1]] = 0;
      EXPECT_EQ(remove_from(scores, remove), want) << remove << name(scores.dtype());
    }
  }
}

// Scores that differ only in the last bit: neither passes for the other when the key is looked at sixteen bits at a time.
TEST(Select, TheLastBitCounts) {
  for (const float base : {1.f, -1.f, 1e-38f, 3e38f}) {
    const float up = std::nextafter(base, std::numeric_limits<float>::infinity());
    EXPECT_EQ(remove_from(tensor({up, base, up}), 1), (Mask{1, 0, 1}));
    const double wide = base, wide_up = std::nextafter(wide, std::numeric_limits<double>::infinity());
    EXPECT_EQ(remove_from(tensor({wide_up, wide_up, wide}), 1), (Mask{1, 1, 0}));
  }
}

TEST(Select, ANaNIsNamedWithTensorAndIndexUnlessItIsPrunedAlready) {
  for (const DType t : {DType::f32, DType::f64}) {
    const Tensor good = ones({3}, t), bad = cast(tensor({1.0, 2.0, std::nan(""), 4.0}), t);
    EXPECT_TRUE(refuses([&] { remove_lowest({{"fc1.weight", good, {}}, {"fc2.weight", bad, {}}}, 1); }, {"\"fc2.weight\"", "index 2", "NaN"}));
    EXPECT_TRUE(refuses([&] { remove_lowest({{"w", cast(tensor({1.0, -std::nan("")}), t), {}}}, 1); }, {"index 1", "NaN"}));
    EXPECT_EQ(remove_from(bad, 1, tensor<std::uint8_t>({1, 1, 0, 1})), (Mask{0, 1, 0, 1}));
  }
}

TEST(Select, RefusesMoreThanThereIs) {
  EXPECT_TRUE(refuses([] { remove_from(ones({5}), 6); }, {"6 of 5"}));
  EXPECT_TRUE(refuses([] { remove_from(ones({5}), 3, tensor<std::uint8_t>({1, 0, 0, 1, 0})); }, {"3 of 2"}));
  EXPECT_TRUE(refuses([] { remove_from(ones({5}), -1); }, {"-1"}));
  EXPECT_TRUE(refuses([] { remove_lowest({}, 1); }, {"1 of 0"}));
  EXPECT_TRUE(remove_lowest({}, 0).empty());
}

TEST(Select, RefusesWhatDoesNotFit) {
  EXPECT_TRUE(refuses([] { remove_from(ones({5}), 1, ones({4}, DType::u8)); }, {"\"w\"", "(5)"}));
  EXPECT_TRUE(refuses([] { remove_from(ones({5}), 1, ones({5})); }, {"\"w\"", "u8"}));
  EXPECT_TRUE(refuses([] { remove_from(ones({5}, DType::i64), 1); }, {"\"w\"", "i64"}));
  EXPECT_TRUE(refuses([] { remove_lowest({{"a", ones({2}), {}}, {"b", ones({2}, DType::f64), {}}}, 1); }, {"\"b\"", "f64"}));
}

TEST(Select, LeavesScoresAndMasksAsTheyWere) {
  const Tensor scores = tensor({3.f, 1.f, 2.f}), mask = tensor<std::uint8_t>({1, 1, 0});
  remove_from(scores, 1, mask);
  EXPECT_EQ(scores.to_vector<float>(), (std::vector<float>{3, 1, 2}));
  EXPECT_EQ(mask.to_vector<std::uint8_t>(), (Mask{1, 1, 0}));
}

TEST(Select, AnEmptiedLayerIsNamed) {
  const std::vector<Candidate> two{{"fc1.weight", ones({2}), {}}, {"fc2.weight", ones({2}), {}}};
  EXPECT_NO_THROW(require_no_empty_layer(two, {ones({2}, DType::u8), tensor<std::uint8_t>({0, 1})}));
  auto emptied = [&] { require_no_empty_layer(two, {ones({2}, DType::u8), zeros({2}, DType::u8)}); };
  EXPECT_TRUE(refuses(emptied, {"\"fc2.weight\"", "(2)", "prune less"}));
  try {
    emptied();
    ADD_FAILURE() << "was accepted";
  } catch (const EmptyLayer& e) { EXPECT_EQ(e.layer(), "fc2.weight"); }
}

}  // namespace
}  // namespace bonsai::prune
