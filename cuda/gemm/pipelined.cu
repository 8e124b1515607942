// Rung 4, pipelined: three pairs of tiles in shared memory. While one is multiplied, the next two are on their way there by themselves (cp.async), without a register in
// between.
//
// What changed: memory and tensor cores work at the same time. Limited by: every fragment is loaded by 32-bit reads from shared memory, 10 registers for two
// products; and by instructions, since 16 x 8 is a small product (wgmma's is 64 x 256).
// Shapes: k a multiple of 8; any m and n. Measured: not yet run on a GPU.
#include <stdexcept>

#include "cuda/gemm/gemm.h"
#include "cuda/mma/tile.h"

namespace bonsai::cuda {
namespace {

constexpr int depth = 32, stride = depth + padding, stages = 3;
constexpr int stage_numbers = (tile_m + tile_n) * stride;

template <class T>
__global__ void __launch_bounds__(block_threads) kernel(const T* a, const T* b, float* c, int m, int n, int k) {
  T* tiles = shared<T>();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = warp / 2 * warp_m, column = warp % 2 * warp_n;
  const int steps = (k + depth - 1) / depth;
  auto fetch = [&](int s) {
    T* as = tiles + s % stages * stage_numbers;
    if (s < steps) {
      fetch_tile<tile_m, depth, true>(as, a, blockIdx.y * tile_m, m, s * depth, k);
      fetch_tile<tile_n, depth, true>(as + tile_m * stride, b, blockIdx.x * tile_n, n, s * depth, k);
    }
    commit_copies();  // (an empty group where there is nothing left, so that the count stays right)
  };
  float sums[2][8][4] = {};
  for (int s = 0; s < stages - 1; ++s) fetch(s);
  for (int s = 0; s < steps; ++s) {
    wait_copies<stages - 2>();  // step s is there, for this thread's copies;
    __syncthreads();            // and for all, and all are done with step s - 1, whose place the next one takes
    fetch(s + stages - 1);
    const T* as = tiles + s % stages * stage_numbers;
    const T* bs = as + tile_m * stride;
#pragma unroll
    for (int i = 0; i < depth; i += 16) {
      std::uint32_t fa[2][4], fb[2];
      for (int x = 0; x < 2; ++x) load_a(fa[x], as + (row + 16 * x) * stride + i, stride, lane);
#pragma unroll
      for (int y = 0; y < 8; ++y) {
        load_b(fb, bs + (column + 8 * y) * stride + i, stride, lane);
        for (int x = 0; x < 2; ++x) mma_m16n8k16<T>(sums[x][y], fa[x], fb);
      }
    }
  }
  wait_copies<0>();
  store_c(sums, c, m, n, blockIdx.y * tile_m + row, blockIdx.x * tile_n + column, lane);
}

}  // namespace

template <class T>
void gemm_pipelined(const T* a, const T* b, float* c, int m, int n, int k, Stream stream) {
  if (k % 8 != 0) throw std::invalid_argument("gemm_pipelined: k must be a multiple of 8, so that rows begin at 16 bytes");
  launch("gemm_pipelined", kernel<T>, dim3((n + tile_n - 1) / tile_n, (m + tile_m - 1) / tile_m), dim3(block_threads), stages * stage_numbers * sizeof(T), stream, a, b, c, m, n, k);
}
template void gemm_pipelined(const F16*, const F16*, float*, int, int, int, Stream);
template void gemm_pipelined(const Bf16*, const Bf16*, float*, int, int, int, Stream);

}  // namespace bonsai::cuda
