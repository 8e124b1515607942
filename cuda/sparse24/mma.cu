// Rung 3, sparse tensor cores: as the dense kernel on tensor cores (cuda/gemm/mma.cu), with mma.sp: a product of 16 x 8 over 32 columns, of which A's rows keep 16,
// in the time of a dense one over 16. The positions come from memory straight to the registers that the instruction wants, one word a lane for 32 rows.
//
// What changed: twice the columns an instruction. Limited by: as the dense one, memory and products take turns; and B's tile is twice as deep, so that for the same
// multiply-adds shared memory delivers as many bytes of B and half of A's.
// Shapes: m and k multiples of 32; any n. Measured: not yet run on a GPU.
#include <stdexcept>

#include "cuda/sparse24/sparse24.h"
#include "cuda/sparse24/step.h"

namespace bonsai::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(block_threads) kernel(const T* values, const std::uint32_t* words, const T* b, float* c, int m, int n, int k) {
  T* as = shared<T>();
  T* bs = as + tile_m * stride_a_24;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = warp / 2 * warp_m, column = warp % 2 * warp_n;
  float sums[2][8][4] = {};
  for (int step = 0; step < k; step += depth_24) {
    fetch_tile<tile_m, depth_24 / 2, false>(as, values, blockIdx.y * tile_m, m, step / 2, k / 2);
    fetch_tile<tile_n, depth_24, false>(bs, b, blockIdx.x * tile_n, n, step, k);
    const std::uint32_t now[2] = {word_24(words, m, k, blockIdx.y * tile_m + row, step, lane), word_24(words, m, k, blockIdx.y * tile_m + row, step + 32, lane)};
    __syncthreads();
    step_24(sums, as, bs, now, row, column, lane);
    __syncthreads();
  }
  store_c(sums, c, m, n, blockIdx.y * tile_m + row, blockIdx.x * tile_n + column, lane);
}

}  // namespace

template <class T>
void sparse24_mma(const Packed24<T>& a, const T* b, float* c, int n, Stream stream) {
  if (a.m % 32 != 0 || a.k % 32 != 0) throw std::invalid_argument("sparse24_mma: m and k must be multiples of 32, which the positions' words come in");
  launch("sparse24_mma", kernel<T>, dim3((n + tile_n - 1) / tile_n, (a.m + tile_m - 1) / tile_m), dim3(block_threads), stage_numbers_24 * sizeof(T), stream, a.values, a.words, b, c,
         a.m, n, a.k);
}
template void sparse24_mma(const Packed24<F16>&, const F16*, float*, int, Stream);
template void sparse24_mma(const Packed24<Bf16>&, const Bf16*, float*, int, Stream);

}  // namespace bonsai::cuda
