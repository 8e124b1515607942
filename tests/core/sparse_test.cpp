// Patterns: made from masks and from parts, refused when they do not fit, and the products against dense ones with the same zeros. (Every
// backend against the reference, and the derivatives, come from the rows in operations_product.cpp.)
#include "core/sparse.h"

#include <algorithm>

#include "core/random.h"
#include "tests/core/check.h"

namespace bonsai {
namespace {
using namespace check;

TEST(Pattern, OfAMaskAndBack) {
  const Tensor mask = tensor<std::uint8_t>({1, 0, 1, 0, 0, 0, 0, 1, 0}, {3, 3});
  const PatternRef p = pattern_of(mask);
  EXPECT_EQ(p->kept(), 3);
  EXPECT_TRUE(std::ranges::equal(p->begin(), (std::vector<std::int32_t>{0, 2, 2, 3})));  // the second row is empty
  EXPECT_TRUE(std::ranges::equal(p->column(), (std::vector<std::int32_t>{0, 2, 1})));
  EXPECT_TRUE(std::ranges::equal(p->column_begin(), (std::vector<std::int32_t>{0, 1, 2, 3})));
  EXPECT_TRUE(std::ranges::equal(p->row(), (std::vector<std::int32_t>{0, 2, 0})));
  EXPECT_TRUE(std::ranges::equal(p->from(), (std::vector<std::int32_t>{0, 2, 1})));
  EXPECT_TRUE(same_bits(mask_of(*p), mask));
  const Tensor dense = tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0}, {3, 3}), values = pack(dense, *p);
  EXPECT_EQ(values.to_vector<double>(), (std::vector<double>{1, 3, 8}));
  EXPECT_EQ(unpack(values, *p).to_vector<double>(), (std::vector<double>{1, 0, 3, 0, 0, 0, 0, 8, 0}));
}

TEST(Pattern, WhatDoesNotFitIsRefusedByName) {
  const struct {
    std::int64_t rows, columns;
    std::vector<std::int32_t> begin, column;
    std::vector<std::string> says;
  } cases[] = {
      {2, 3, {0, 1}, {0}, {"\"fc1\"", "2 rows"}},
      {2, 3, {}, {}, {"\"fc1\""}},
      {2, 3, {0, 1, 3}, {0, 1}, {"\"fc1\"", "2 entries"}},
      {2, 3, {1, 1, 2}, {0, 1}, {"\"fc1\""}},
      {2, 3, {0, 2, 1}, {0}, {"\"fc1\"", "row"}},
      {3, 3, {0, 2, 1, 2}, {0, 1}, {"\"fc1\"", "row 1 ends before it begins"}},
      {2, 3, {0, 1, 2}, {0, 3}, {"\"fc1\"", "row 1", "column 3 of 3"}},
      {2, 3, {0, 1, 2}, {-1, 0}, {"\"fc1\"", "column -1"}},
      {1, 3, {0, 2}, {1, 1}, {"\"fc1\"", "column 1 twice"}},
      {1, 3, {0, 2}, {2, 1}, {"\"fc1\"", "out of order"}},
      {-1, 3, {0}, {}, {"\"fc1\"", "-1 x 3"}},
  };
  for (const auto& c : cases) EXPECT_TRUE(refuses([&] { make_pattern(c.rows, c.columns, c.begin, c.column, "fc1"); }, c.says));
  EXPECT_TRUE(refuses([] { pattern_of(ones({2, 2})); }, {"u8", "f32"}));
  EXPECT_EQ(make_pattern(2, 3, std::vector{0, 0, 2}, std::vector{0, 2}, "fc1")->kept(), 2);
  EXPECT_EQ(make_pattern(0, 0, std::vector{0}, {}, "empty")->kept(), 0);
}

TEST(Pattern, ValuesAndActivationsThatDoNotFitAreRefused) {
  const PatternRef p = make_pattern(2, 3, std::vector{0, 1, 2}, std::vector{0, 2}, "fc1");
  const Tensor v = ones({2}), x = ones({3, 4}), y = ones({2, 4});
  EXPECT_TRUE(refuses([&] { sparse_matmul(p, ones({3}), x); }, {"sparse_matmul", "(3)", "2 entries"}));
  EXPECT_TRUE(refuses([&] { sparse_matmul(p, v, y); }, {"sparse_matmul", "(2, 4)", "(3, batch)"}));
  EXPECT_TRUE(refuses([&] { sparse_matmul(p, v, cast(x, DType::f64)); }, {"f64", "f32"}));
  EXPECT_TRUE(refuses([&] { sparse_matmul(p, v, x, ones({3})); }, {"bias", "(2)"}));
  EXPECT_TRUE(refuses([&] { sparse_matmul_transposed(p, v, x); }, {"sparse_matmul_transposed", "(2, batch)"}));
  EXPECT_TRUE(refuses([&] { sampled_matmul(p, y, ones({3, 5})); }, {"sampled_matmul", "(3, 5)"}));
  EXPECT_TRUE(refuses([&] { sparse_matmul(nullptr, v, x); }, {"no pattern"}));
  EXPECT_TRUE(refuses([&] { pack(x, *p); }, {"pack", "2 x 3"}));
  EXPECT_TRUE(refuses([&] { unpack(x, *p); }, {"unpack", "2 entries"}));
}

// Against the dense product with the same zeros: densities 0 to 1, batches 1 to 1,000, a 1 x 1 layer.
TEST(Sparse, IsTheDenseProductWithZeros) {
  for (const double density : {0.0, 0.05, 0.3, 1.0})
    for (const std::int64_t batch : {1, 60, 1000})
      for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {30, 50}, {61, 17}}) {
        Random random(static_cast<std::uint64_t>(rows * 7 + batch));
        const Tensor mask = cast(random.bernoulli({rows, columns}, density), DType::u8), w = random.normal({rows, columns}, 0, 1, DType::f64);
        const PatternRef p = pattern_of(mask);
        const Tensor x = random.normal({columns, batch}, 0, 1, DType::f64), y = random.normal({rows, batch}, 0, 1, DType::f64), b = random.normal({rows}, 0, 1, DType::f64);
        const Tensor v = pack(w, *p), dense = w * cast(mask, DType::f64);
        EXPECT_TRUE(close(sparse_matmul(p, v, x, b), matmul(dense, x) + reshape(b, {rows, 1}), 1e-12, 1e-12));
        EXPECT_TRUE(close(sparse_matmul_transposed(p, v, y), matmul(dense, y, {.a = true}), 1e-12, 1e-12));
        EXPECT_TRUE(close(sampled_matmul(p, y, x), pack(matmul(y, x, {.b = true}), *p), 1e-11, 1e-11));
      }
}

}  // namespace
}  // namespace bonsai
