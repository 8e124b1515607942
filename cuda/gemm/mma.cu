// Rung 3, tensor cores: a block of 8 warps computes 128 x 128 of C, 32 columns of A and B at a time in shared memory, as they are. A warp's 32 x 64 are sixteen products of
// 16 x 8, whose sums stay in registers: each step of 16 columns loads 2 fragments of A and 8 of B for them.
//
// What changed: one instruction a warp does 2,048 multiply-adds. Limited by: while a step's columns come from memory nobody multiplies, and while they are
// multiplied nothing comes.
// Shapes: k a multiple of 8; any m and n. Measured: not yet run on a GPU.
#include <stdexcept>

#include "cuda/gemm/gemm.h"
#include "cuda/gemm/step.h"

namespace bonsai::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(block_threads) kernel(const T* a, const T* b, float* c, int m, int n, int k) {
  T* as = shared<T>();
  T* bs = as + tile_m * stride_dense;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = warp / 2 * warp_m, column = warp % 2 * warp_n;
  float sums[2][8][4] = {};
  for (int step = 0; step < k; step += depth_dense) {
    fetch_tile<tile_m, depth_dense, false>(as, a, blockIdx.y * tile_m, m, step, k);
    fetch_tile<tile_n, depth_dense, false>(bs, b, blockIdx.x * tile_n, n, step, k);
    __syncthreads();
    step_dense(sums, as, bs, row, column, lane);
    __syncthreads();
  }
  store_c(sums, c, m, n, blockIdx.y * tile_m + row, blockIdx.x * tile_n + column, lane);
}

}  // namespace

template <class T>
void gemm_mma(const T* a, const T* b, float* c, int m, int n, int k, Stream stream) {
  if (k % 8 != 0) throw std::invalid_argument("gemm_mma: k must be a multiple of 8, so that rows begin at 16 bytes");
  launch("gemm_mma", kernel<T>, dim3((n + tile_n - 1) / tile_n, (m + tile_m - 1) / tile_m), dim3(block_threads), stage_numbers_dense * sizeof(T), stream, a, b, c, m, n, k);
}
template void gemm_mma(const F16*, const F16*, float*, int, int, int, Stream);
template void gemm_mma(const Bf16*, const Bf16*, float*, int, int, int, Stream);

}  // namespace bonsai::cuda
