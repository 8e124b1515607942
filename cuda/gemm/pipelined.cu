// Rung 4, pipelined: three pairs of tiles in shared memory. While one is multiplied, the next two are on their way there by themselves (cp.async), without a register in
// between.
//
// What changed: memory and tensor cores work at the same time. Limited by: every fragment is loaded by 32-bit reads from shared memory, 10 registers for two
// products; and by instructions, since 16 x 8 is a small product (wgmma's is 64 x 256).
// Shapes: k a multiple of 8; any m and n. Measured: not yet run on a GPU.
#include <stdexcept>

#include "cuda/gemm/gemm.h"
#include "cuda/gemm/step.h"

namespace bonsai::cuda {
namespace {

constexpr int stages = 3;

template <class T>
__global__ void __launch_bounds__(block_threads) kernel(const T* a, const T* b, float* c, int m, int n, int k) {
  T* tiles = shared<T>();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = warp / 2 * warp_m, column = warp % 2 * warp_n;
  const int steps = (k + depth_dense - 1) / depth_dense;
  auto fetch = [&](int s) {
    T* as = tiles + s % stages * stage_numbers_dense;
    if (s < steps) {
      fetch_tile<tile_m, depth_dense, true>(as, a, blockIdx.y * tile_m, m, s * depth_dense, k);
      fetch_tile<tile_n, depth_dense, true>(as + tile_m * stride_dense, b, blockIdx.x * tile_n, n, s * depth_dense, k);
    }
    commit_copies();  // (an empty group where there is nothing left, so that the count stays right)
  };
  float sums[2][8][4] = {};
  for (int s = 0; s < stages - 1; ++s) fetch(s);
  for (int s = 0; s < steps; ++s) {
    wait_copies<stages - 2>();  // step s is there, for this thread's copies;
    __syncthreads();            // and for all, and all are done with step s - 1, whose place the next one takes
    fetch(s + stages - 1);
    const T* as = tiles + s % stages * stage_numbers_dense;
    step_dense(sums, as, as + tile_m * stride_dense, row, column, lane);
  }
  wait_copies<0>();
  store_c(sums, c, m, n, blockIdx.y * tile_m + row, blockIdx.x * tile_n + column, lane);
}

}  // namespace

template <class T>
void gemm_pipelined(const T* a, const T* b, float* c, int m, int n, int k, Stream stream) {
  if (k % 8 != 0) throw std::invalid_argument("gemm_pipelined: k must be a multiple of 8, so that rows begin at 16 bytes");
  launch("gemm_pipelined", kernel<T>, dim3((n + tile_n - 1) / tile_n, (m + tile_m - 1) / tile_m), dim3(block_threads), stages * stage_numbers_dense * sizeof(T), stream, a, b, c, m, n, k);
}
template void gemm_pipelined(const F16*, const F16*, float*, int, int, int, Stream);
template void gemm_pipelined(const Bf16*, const Bf16*, float*, int, int, int, Stream);

}  // namespace bonsai::cuda
