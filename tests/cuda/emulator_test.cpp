// The emulator itself: threads, barriers, warps, shared memory, late copies, and what it refuses. And the numbers of two bytes.
#include "cuda/emulator/emulator.h"

#include <cmath>
#include <limits>
#include <vector>

#include "cuda/launch.h"
#include "cuda/mma/instructions.h"
#include "tests/cuda/support.h"

namespace bonsai::cuda {
namespace {

// Each thread writes its number, and after the barrier reads its neighbour's.
void rotate(int* out) {
  int* numbers = shared<int>();
  const int i = threadIdx.x, n = blockDim.x;
  numbers[i] = 100 * static_cast<int>(blockIdx.x) + i;
  __syncthreads();
  out[blockIdx.x * blockDim.x + i] = numbers[(i + 1) % n];
}

TEST(Emulator, ABarrierWaitsForAllThreads) {
  NEEDS_EMULATOR();
  for (const unsigned threads : {1u, 33u, 256u}) {
    std::vector<int> out(3 * threads, -1);
    launch("rotate", rotate, dim3(3), dim3(threads), threads * sizeof(int), Stream{}, out.data());
    for (unsigned b = 0; b < 3; ++b)
      for (unsigned i = 0; i < threads; ++i) EXPECT_EQ(out[b * threads + i], static_cast<int>(100 * b + (i + 1) % threads));
  }
}

void warp_sums(int* out) {
  int sum = static_cast<int>(threadIdx.x);
  for (int with = 16; with > 0; with /= 2) sum += __shfl_xor_sync(~0u, sum, with);
  out[threadIdx.x] = sum + 1000 * __shfl_down_sync(~0u, static_cast<int>(threadIdx.x) % 32, 1);
}

TEST(Emulator, LanesExchangeWithinTheirWarp) {
  NEEDS_EMULATOR();
  std::vector<int> out(96);
  launch("warp_sums", warp_sums, dim3(1), dim3(96), 0, Stream{}, out.data());
  for (int i = 0; i < 96; ++i) {
    const int first = i / 32 * 32;
    EXPECT_EQ(out[i], 32 * first + 31 * 16 + 1000 * (i % 32 < 31 ? i % 32 + 1 : 31)) << i;
  }
}

void half_a_barrier(int*) {
  if (threadIdx.x < 5) __syncthreads();
  else __syncwarp();
}
void throws(int*) {
  if (threadIdx.x == 3) fail("thread {} fell over", threadIdx.x);
  __syncthreads();
}
void reads_shared(float* out) { *out = shared<float>()[3]; }

TEST(Emulator, RefusesAndPoisons) {
  NEEDS_EMULATOR();
  int nothing = 0;
  EXPECT_TRUE(test::refuses([&] { launch("half", half_a_barrier, dim3(1), dim3(32), 0, Stream{}, &nothing); }, {"barrier"}));
  EXPECT_TRUE(test::refuses([&] { launch("throws", throws, dim3(1), dim3(32), 0, Stream{}, &nothing); }, {"thread 3 fell over"}));
  float out = 0;
  launch("reads", reads_shared, dim3(1), dim3(1), 64, Stream{}, &out);
  EXPECT_TRUE(std::isnan(out));
}

// Copies are there after the wait and not before.
void late(const float* from, float* out) {
  float* to = shared<float>();
  copy16(to, from, true);
  commit_copies();
  copy16(to + 4, from, false);
  commit_copies();
  out[0] = to[0];
  wait_copies<1>();
  out[1] = to[0], out[2] = to[4];
  wait_copies<0>();
  out[3] = to[4];
}

TEST(Emulator, CopiesAreLate) {
  NEEDS_EMULATOR();
  alignas(16) const float from[4] = {7, 8, 9, 10};
  std::vector<float> out(4);
  launch("late", late, dim3(1), dim3(1), 64, Stream{}, from, out.data());
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 7);
  EXPECT_TRUE(std::isnan(out[2]));
  EXPECT_EQ(out[3], 0);
}

// Every f16 and bf16 number to f32 and back; and rounding to the nearest, halves to even, against the two neighbours.
template <class T>
void check_numbers() {
  for (std::uint32_t b = 0; b < 0x10000; ++b) {
    T x{static_cast<std::uint16_t>(b)}, back;
    const float f = to_float(x);
    from_float(f, back);
    if (std::isnan(f)) EXPECT_TRUE(std::isnan(to_float(back))) << b;
    else EXPECT_EQ(back.bits, x.bits) << b;
    T next{static_cast<std::uint16_t>(b + 1)};
    const float g = to_float(next);
    if ((b & 0x7fff) == 0x7fff || std::isnan(f) || !std::isfinite(g)) continue;
    const double middle = (static_cast<double>(f) + g) / 2;
    from_float(static_cast<float>(middle), back);
    EXPECT_EQ(back.bits, b % 2 == 0 ? b : b + 1) << b;
    from_float(std::nextafter(static_cast<float>(middle), g), back);
    EXPECT_EQ(back.bits, b + 1) << b;
  }
  T inf;
  from_float(std::numeric_limits<float>::max(), inf);
  EXPECT_TRUE(std::isinf(to_float(inf)));
}
TEST(Numbers, GoToF32AndBack) {
  check_numbers<F16>();
  check_numbers<Bf16>();
  EXPECT_EQ(to_float(F16{0x3c00}), 1.f);
  EXPECT_EQ(to_float(F16{0x0001}), 0x1p-24f);
  EXPECT_EQ(to_float(F16{0xfbff}), -65504.f);
  EXPECT_EQ(to_float(Bf16{0x4049}), 3.140625f);
}

}  // namespace
}  // namespace bonsai::cuda
