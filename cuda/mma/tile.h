// What the rungs with tensor cores share: a warp's registers filled from shared memory, and what a warp computes from two tiles that lie there.
#pragma once
#include "cuda/mma/fragments.h"
#include "cuda/mma/instructions.h"

namespace bonsai::cuda {

// A block of 8 warps computes 128 x 128 of C; a warp 32 rows (two products high) and 64 columns (eight wide).
constexpr int tile_m = 128, tile_n = 128, warps = 8, block_threads = 32 * warps;
constexpr int warp_m = 32, warp_n = 64;
constexpr int padding = 8;  // numbers after each row of a tile, so that the rows that a warp reads at once begin at different banks

template <class T>
__device__ __forceinline__ std::uint32_t pair_at(const T* p) {  // two numbers side by side, in one register
  return *reinterpret_cast<const std::uint32_t*>(p);
}

// The 16 x 16 of A whose corner is at `corner`, rows `stride` numbers apart.
template <class T>
__device__ __forceinline__ void load_a(std::uint32_t (&a)[4], const T* corner, int stride, int lane) {
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const Place p = a_place(lane, 2 * r);
    a[r] = pair_at(corner + p.row * stride + p.column);
  }
}
// The (8 · Registers) x 8 of B, which is kept by columns, (n, k), so a column's neighbours are side by side. Registers: 2 for 16 rows, 4 for 32.
template <int Registers, class T>
__device__ __forceinline__ void load_b(std::uint32_t (&b)[Registers], const T* corner, int stride, int lane) {
#pragma unroll
  for (int r = 0; r < Registers; ++r) {
    const Place p = b_place(lane, 2 * r);
    b[r] = pair_at(corner + p.column * stride + p.row);
  }
}

// A warp's part of C, (m, n), as far as it lies inside.
__device__ __forceinline__ void store_c(const float (&sums)[2][8][4], float* c, int m, int n, int row, int column, int lane) {
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int j = 0; j < 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const Place p = c_place(lane, e);
        const int r = row + 16 * i + p.row, s = column + 8 * j + p.column;
        if (r < m && s < n) c[static_cast<std::int64_t>(r) * n + s] = sums[i][j][e];
      }
}

// Rows first .. of a matrix (rows, columns) in memory, `Width` columns from `column` on, to a tile in shared memory, eight numbers (16 bytes) a copy; zeros
// where the matrix has ended. columns is a multiple of 8. By all threads of the block.
template <int Rows, int Width, bool Later, class T>
__device__ __forceinline__ void fetch_tile(T* tile, const T* matrix, int first, int rows, int column, int columns) {
  constexpr int chunks = Width / 8;
  for (int i = threadIdx.x; i < Rows * chunks; i += block_threads) {
    const int r = i / chunks, k = i % chunks * 8;
    const bool there = first + r < rows && column + k < columns;
    const T* from = there ? matrix + static_cast<std::int64_t>(first + r) * columns + column + k : matrix;
    T* to = tile + r * (Width + padding) + k;
    if constexpr (Later) copy16(to, from, there);
    else
      for (int h = 0; h < 8; h += 2) *reinterpret_cast<std::uint32_t*>(to + h) = there ? pair_at(from + h) : 0;
  }
}

}  // namespace bonsai::cuda
