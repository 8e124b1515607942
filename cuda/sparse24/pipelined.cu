// Rung 4, pipelined: three pairs of tiles in shared memory; while one is multiplied, the next two are on their way (cp.async). The next step's positions are loaded to
// registers a step ahead.
//
// What changed: memory and tensor cores work at the same time. Limited by: 32-bit reads of fragments from shared memory, 12 registers for two products, against the
// dense kernel's 10 for half as many columns.
// Shapes: m and k multiples of 32; any n. Measured: not yet run on a GPU.
#include <stdexcept>

#include "cuda/sparse24/sparse24.h"
#include "cuda/sparse24/step.h"

namespace bonsai::cuda {
namespace {

constexpr int stages = 3;

template <class T>
__global__ void __launch_bounds__(block_threads) kernel(const T* values, const std::uint32_t* words, const T* b, float* c, int m, int n, int k) {
  T* tiles = shared<T>();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = warp / 2 * warp_m, column = warp % 2 * warp_n;
  const int steps = (k + depth_24 - 1) / depth_24, first = blockIdx.y * tile_m;
  auto fetch = [&](int s) {
    T* as = tiles + s % stages * stage_numbers_24;
    if (s < steps) {
      fetch_tile<tile_m, depth_24 / 2, true>(as, values, first, m, s * depth_24 / 2, k / 2);
      fetch_tile<tile_n, depth_24, true>(as + tile_m * stride_a_24, b, blockIdx.x * tile_n, n, s * depth_24, k);
    }
    commit_copies();
  };
  float sums[2][8][4] = {};
  for (int s = 0; s < stages - 1; ++s) fetch(s);
  std::uint32_t next[2] = {word_24(words, m, k, first + row, 0, lane), word_24(words, m, k, first + row, 32, lane)};
  for (int s = 0; s < steps; ++s) {
    wait_copies<stages - 2>();
    __syncthreads();
    fetch(s + stages - 1);
    const std::uint32_t now[2] = {next[0], next[1]};
    for (int half = 0; half < 2; ++half) next[half] = word_24(words, m, k, first + row, (s + 1) * depth_24 + 32 * half, lane);
    const T* as = tiles + s % stages * stage_numbers_24;
    step_24(sums, as, as + tile_m * stride_a_24, now, row, column, lane);
  }
  wait_copies<0>();
  store_c(sums, c, m, n, first + row, blockIdx.x * tile_n + column, lane);
}

}  // namespace

template <class T>
void sparse24_pipelined(const Packed24<T>& a, const T* b, float* c, int n, Stream stream) {
  if (a.m % 32 != 0 || a.k % 32 != 0) throw std::invalid_argument("sparse24_pipelined: m and k must be multiples of 32, which the positions' words come in");
  launch("sparse24_pipelined", kernel<T>, dim3((n + tile_n - 1) / tile_n, (a.m + tile_m - 1) / tile_m), dim3(block_threads), stages * stage_numbers_24 * sizeof(T), stream, a.values,
         a.words, b, c, a.m, n, a.k);
}
template void sparse24_pipelined(const Packed24<F16>&, const F16*, float*, int, Stream);
template void sparse24_pipelined(const Packed24<Bf16>&, const Bf16*, float*, int, Stream);

}  // namespace bonsai::cuda
