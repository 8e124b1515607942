// What a warp does with one step's tiles: 64 columns of B and the 32 values of A that belong to them, two of mma.sp's 32 columns after each other. One word of
// positions a lane serves both halves of the warp's 32 rows: selector 0 the upper 16, 1 the lower.
#pragma once
#include "cuda/mma/tile.h"

namespace bonsai::cuda {

constexpr int depth_24 = 64, stride_a_24 = depth_24 / 2 + padding, stride_b_24 = depth_24 + padding;
constexpr int stage_numbers_24 = tile_m * stride_a_24 + tile_n * stride_b_24;

// The word of positions for the warp's rows (a multiple of 32) and the 32 columns from `column` on. Beyond the matrix any legal one will do, since values are 0 there.
__device__ __forceinline__ std::uint32_t word_24(const std::uint32_t* words, int m, int k, int row, int column, int lane) {
  return row < m && column < k ? words[(static_cast<std::int64_t>(column / 32) * (m / 32) + row / 32) * 32 + lane] : 0x44444444u;
}

template <class T>
__device__ __forceinline__ void step_24(float (&sums)[2][8][4], const T* as, const T* bs, const std::uint32_t (&words)[2], int row, int column, int lane) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    std::uint32_t fa[2][4], fb[4];
    for (int x = 0; x < 2; ++x) load_a(fa[x], as + (row + 16 * x) * stride_a_24 + 16 * half, stride_a_24, lane);
#pragma unroll
    for (int y = 0; y < 8; ++y) {
      load_b(fb, bs + (column + 8 * y) * stride_b_24 + 32 * half, stride_b_24, lane);
      mma_sp_m16n8k32<T, 0>(sums[0][y], fa[0], fb, words[half]);
      mma_sp_m16n8k32<T, 1>(sums[1][y], fa[1], fb, words[half]);
    }
  }
}

}  // namespace bonsai::cuda
