// What a warp does with one step's tiles: 32 columns of A and B, two products of 16 columns after each other. Its twin: cuda/sparse24/step.h.
#pragma once
#include "cuda/mma/tile.h"

namespace bonsai::cuda {

constexpr int depth_dense = 32, stride_dense = depth_dense + padding;
constexpr int stage_numbers_dense = (tile_m + tile_n) * stride_dense;

template <class T>
__device__ __forceinline__ void step_dense(float (&sums)[2][8][4], const T* as, const T* bs, int row, int column, int lane) {
#pragma unroll
  for (int i = 0; i < depth_dense; i += 16) {
    std::uint32_t fa[2][4], fb[2];
    for (int x = 0; x < 2; ++x) load_a(fa[x], as + (row + 16 * x) * stride_dense + i, stride_dense, lane);
#pragma unroll
    for (int y = 0; y < 8; ++y) {
      load_b(fb, bs + (column + 8 * y) * stride_dense + i, stride_dense, lane);
      for (int x = 0; x < 2; ++x) mma_m16n8k16<T>(sums[x][y], fa[x], fb);
    }
  }
}

}  // namespace bonsai::cuda
