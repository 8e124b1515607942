// The backend for a GPU in the emulator against `reference`: every operation of core's table, its first and second derivatives, at all shapes; and the kernels by themselves
// (kernel_cases.h). tests/gpu/check_backend.cpp does the same on a GPU.
#include "cuda/backend/backend.h"

#include "tests/core/check.h"
#include "tests/cuda/kernel_cases.h"
#include "tests/cuda/support.h"

namespace bonsai::check {
namespace {

class CudaBackend : public ::testing::TestWithParam<std::tuple<Row, DType>> {};
TEST_P(CudaBackend, AgreesWithReference) {
  NEEDS_EMULATOR();
  test_kernels(&cuda::backend());
  const auto& [row, real] = GetParam();
  EXPECT_EQ(row_agrees(row, real, false), "");
}
INSTANTIATE_TEST_SUITE_P(Cuda, CudaBackend, ::testing::Combine(::testing::ValuesIn(operations()), ::testing::Values(DType::f32, DType::f64)),
                         [](const auto& info) { return std::get<0>(info.param).name + "_" + name(std::get<1>(info.param)); });

class CudaKernels : public ::testing::TestWithParam<KernelCase> {};
TEST_P(CudaKernels, AreRight) {
  NEEDS_EMULATOR();
  test_kernels(&cuda::backend());
  EXPECT_EQ(GetParam().run(), "");
}
// Where TF32 is allowed, convolutions of more than 32 channels use it, and are as right as it is: more wrong than f32, by no more than its roundoff.
TEST(CudaConvolutions, UseTf32WhereItIsAllowed) {
  NEEDS_EMULATOR();
  test_kernels(&cuda::backend());
  UseBackend emulated(cuda::backend());
  const Tensor x = sample({2, 5, 9, 7}, DType::f32, {-1, 1}, 1), w = sample({67, 5, 3, 3}, DType::f32, {-1, 1}, 2), whole_x = sample(x.shape(), DType::i64, {-9, 9, false, DType::i64}, 3),
               whole_w = sample(w.shape(), DType::i64, {-9, 9, false, DType::i64}, 4), exact = conv2d(cast(whole_x, DType::f32), cast(whole_w, DType::f32)), plain = conv2d(x, w);
  EXPECT_FALSE(cuda::allow_tf32(true));
  EXPECT_EQ(tf32_products(), "");
  EXPECT_FALSE(same_bits(conv2d(x, w), plain));
  EXPECT_TRUE(same_bits(conv2d(cast(whole_x, DType::f32), cast(whole_w, DType::f32)), exact));  // numbers of few bits
  EXPECT_TRUE(cuda::allow_tf32(false));
  EXPECT_TRUE(same_bits(conv2d(x, w), plain));
}

// One of a batch of products has the bits that it has alone, also where k is cut into parts.
TEST(CudaProducts, GiveTheSameBitsAloneAndTogether) {
  NEEDS_EMULATOR();
  UseBackend emulated(cuda::backend());
  for (const DType t : {DType::f32, DType::f64})
    for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{60, 30, 784}, {7, 5, 3}, {130, 129, 140}}) {
      const Tensor a = sample({5, m, k}, t, {-1, 1}, 1), b = sample({5, n, k}, t, {-1, 1}, 2), together = matmul(a, b, {.b = true});
      for (std::int64_t i = 0; i < 5; ++i) {
        const auto one = [&](const Tensor& x) { return reshape(slice(x, 0, i, i + 1), {x.shape()[1], x.shape()[2]}); };
        EXPECT_TRUE(same_bits(one(together), matmul(one(a), one(b), {.b = true}))) << m << " " << n << " " << k;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, CudaKernels, ::testing::ValuesIn(kernel_cases()), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace bonsai::check
