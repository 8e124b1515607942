// Cholesky: L Lᵀ is the matrix again, L⁻¹ L the identity, at sizes below, at and beyond the block; no factor where there is none.
#include "core/cholesky.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/ops.h"
#include "core/random.h"
#include "tests/refuses.h"

namespace {

using namespace bonsai;

Tensor positive(std::int64_t n) {
  const Tensor a = Random(static_cast<std::uint64_t>(n) + 1).normal({n, n}, 0, 1, DType::f64);
  return matmul(a, a, {.b = true}) / static_cast<double>(std::max<std::int64_t>(1, n)) + eye(n) * 0.1;
}

TEST(Cholesky, FactorsAndInverts) {
  for (const std::int64_t n : {0, 1, 2, 47, 48, 49, 97, 200, 333}) {
    const Tensor a = positive(n);
    const auto c = cholesky(a);
    ASSERT_TRUE(c.has_value()) << n;
    const Tensor again = matmul(c->factor, c->factor, {.b = true}), one = matmul(c->inverse, c->factor);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        EXPECT_NEAR(again.at(i * n + j), a.at(i * n + j), 1e-12) << n;
        EXPECT_NEAR(one.at(i * n + j), i == j, 1e-11) << n;
        EXPECT_TRUE(j <= i || (c->factor.at(i * n + j) == 0 && c->inverse.at(i * n + j) == 0)) << n;
      }
  }
}

TEST(Cholesky, ReadsTheLowerTriangleOnly) {
  const auto c = cholesky(tensor({4.0, std::nan(""), 2.0, 5.0}, {2, 2}));
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->factor.to_vector<double>(), (std::vector<double>{2, 0, 1, 2}));
}

TEST(Cholesky, SaysWhenThereIsNoFactor) {
  EXPECT_FALSE(cholesky(tensor({1.0, 2.0, 2.0, 1.0}, {2, 2})));   // eigenvalues 3 and -1
  EXPECT_FALSE(cholesky(tensor({1.0, 1.0, 1.0, 1.0}, {2, 2})));   // singular
  EXPECT_FALSE(cholesky(tensor({std::nan("")}, {1, 1})));
  for (const std::int64_t n : {49, 130, 200}) {                   // the last direction alone is bad
    Tensor a = positive(n);
    a.mutable_data<double>()[n * n - 1] = 1e-3;
    EXPECT_FALSE(cholesky(a)) << n;
  }
  EXPECT_TRUE(test::refuses([] { cholesky(zeros({2, 3}, DType::f64)); }, {"(2, 3)", "square"}));
  EXPECT_TRUE(test::refuses([] { cholesky(zeros({2, 2})); }, {"f64", "f32"}));
}

}  // namespace
