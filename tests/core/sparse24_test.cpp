// 2:4: positions by hand, which patterns are 2:4, the products against dense ones, and the order of the GPU's words against the published one.
#include <algorithm>

#include "core/random.h"
#include "core/sparse24/hardware.h"
#include "core/sparse24/positions.h"
#include "tests/core/check.h"
#include "tests/core/operations.h"

namespace bonsai {
namespace {
using namespace check;

TEST(Sparse24, PositionsByHand) {
  // (. 5 . 7 | 1 . . 2 | 3 4 . .): 1, 3, 0, 3 in one byte, 0, 1 in the next
  const PatternRef p = pattern_of(tensor<std::uint8_t>({0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0}, {1, 12}));
  ASSERT_TRUE(p->two_of_four());
  EXPECT_TRUE(std::ranges::equal(p->positions(), (std::vector<std::uint8_t>{0b11'00'11'01, 0b00'00'01'00})));
  EXPECT_EQ(p->kept(), 6);
  EXPECT_EQ(p->bytes(), 2);  // nothing else was made
  EXPECT_TRUE(std::ranges::equal(p->column(), (std::vector<std::int32_t>{1, 3, 4, 7, 8, 9})));
  EXPECT_TRUE(std::ranges::equal(p->begin(), (std::vector<std::int32_t>{0, 6})));
  EXPECT_TRUE(std::ranges::equal(p->row(), (std::vector<std::int32_t>(6, 0))));
  EXPECT_EQ(pack(tensor({0.f, 5.f, 0.f, 7.f, 1.f, 0.f, 0.f, 2.f, 3.f, 4.f, 0.f, 0.f}, {1, 12}), *p).to_vector<float>(), (std::vector<float>{5, 7, 1, 2, 3, 4}));
}

TEST(Sparse24, OnlyTwoOfEveryFourIs) {
  auto is = [](std::vector<std::uint8_t> m, const Shape& s) { return pattern_of(tensor(std::span<const std::uint8_t>(m), s))->two_of_four(); };
  EXPECT_TRUE(is({1, 1, 0, 0, 0, 0, 1, 1}, {2, 4}));
  EXPECT_FALSE(is({1, 1, 1, 0, 0, 0, 1, 0}, {2, 4}));              // four in all, but not two a row
  EXPECT_FALSE(is({1, 1, 1, 0, 0, 0, 0, 1}, {1, 8}));              // nor two a group
  EXPECT_FALSE(is({1, 0, 0, 0, 1, 1, 0, 1}, {1, 8}));
  EXPECT_FALSE(is({1, 0, 0, 0, 0, 0, 1, 1}, {2, 4}));              // one
  EXPECT_FALSE(is({1, 1, 0, 0, 1, 0}, {1, 6}));                    // no multiple of four
  EXPECT_FALSE(pattern_of(zeros({0, 4}, DType::u8))->two_of_four());
  EXPECT_FALSE(pattern_of(zeros({4, 0}, DType::u8))->two_of_four());
}

TEST(Sparse24, EveryWayComesBackFromItsPositions) {
  for (const std::int64_t columns : {4, 8, 36}) {
    const PatternRef p = two_of_four(7, columns);
    ASSERT_TRUE(p->two_of_four());
    const Tensor mask = mask_of(*p);
    const PatternRef again = make_pattern(7, columns, p->begin(), p->column(), "w");
    EXPECT_TRUE(std::ranges::equal(again->positions(), p->positions()));
    EXPECT_TRUE(same_bits(mask_of(*again), mask));
    EXPECT_TRUE(std::ranges::equal(columns_of_24(7, columns, p->positions()), p->column()));
  }
}

TEST(Sparse24, IsTheDenseProductWithZerosAndTheGeneralOne) {
  for (const std::int64_t batch : {1, 5, 16, 60, 200})
    for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 4}, {130, 100}, {61, 196}}) {
      Random random(static_cast<std::uint64_t>(rows * 7 + batch));
      const PatternRef p = two_of_four(rows, columns);
      const Tensor v = random.normal({p->kept()}, 0, 1, DType::f64), x = random.normal({columns, batch}, 0, 1, DType::f64), b = random.normal({rows}, 0, 1, DType::f64);
      const Tensor got = sparse_matmul(p, v, x, b);
      EXPECT_TRUE(close(got, matmul(unpack(v, *p), x) + reshape(b, {rows, 1}), 1e-12, 1e-12));
      Tensor general = empty({rows, batch}, DType::f64);
      kernels(x).sparse_matmul(by_rows(*p), view(v), view(x), view(b), view_for_writing(general));
      EXPECT_TRUE(close(got, general, 1e-12, 1e-12));
    }
}

// The order as it was published for sm_80: 16-bit words (four groups each) of a row-major array go to rows and columns by this rule, and lie as pairs of columns.
TEST(Sparse24, TheGpusWordsAreInThePublishedOrder) {
  for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{32, 32}, {64, 96}, {96, 32}, {128, 128}}) {
    const PatternRef p = two_of_four(rows, columns);
    const std::vector<std::uint32_t> words = hardware_positions(rows, columns, p->positions());
    const std::int64_t across = columns / 16;
    std::vector<std::uint16_t> expected(rows * across, 0xffff);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < across; ++c) {
        std::int64_t to_row = r / 32 * 32 + r % 8 * 4 + r % 32 / 8, to_column = c;
        if (to_row % 2 == 0 && to_column % 2 == 1) ++to_row, --to_column;
        else if (to_row % 2 == 1 && to_column % 2 == 0) --to_row, ++to_column;
        const std::uint8_t* bytes = p->positions().data() + r * columns / 8 + 2 * c;
        expected[to_column / 2 * rows * 2 + to_row * 2 + to_column % 2] = static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8);
      }
    ASSERT_EQ(words.size() * 2, expected.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      EXPECT_EQ(words[i] & 0xffff, expected[2 * i]) << i;
      EXPECT_EQ(words[i] >> 16, expected[2 * i + 1]) << i;
    }
    EXPECT_TRUE(std::ranges::equal(canonical_positions(rows, columns, words), p->positions()));
  }
  EXPECT_TRUE(refuses([] { hardware_positions(16, 32, std::vector<std::uint8_t>(64)); }, {"16 x 32", "32 x 32"}));
  EXPECT_TRUE(refuses([] { hardware_positions(32, 32, std::vector<std::uint8_t>(64)); }, {"64 bytes", "128"}));
}

}  // namespace
}  // namespace bonsai
