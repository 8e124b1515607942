// Rung 5, Hopper: one instruction of a warpgroup, wgmma, multiplies 64 x 16 of A with 16 x 256 of B, both straight from shared memory. A block computes 128 x 256 of C: one
// thread brings 64 columns of A and B at a time by bulk copies, four stages ahead, two warpgroups multiply. What they share is mma/ring.h.
//
// What changed: no fragment is loaded to registers and no address computed, so an instruction does 262,144 multiply-adds instead of 2,048; and those who copy and those who
// multiply are different threads, which wait for each other only at barriers.
// Expected (an H200's 132 multiprocessors at 1.8 GHz, each 2,048 multiply-adds and 128 bytes of shared memory a clock; nothing here is measured):
//   a stage is 128 x 256 x 64 multiply-adds, 1,024 clocks; 48 KB come from L2 (48 bytes a clock) and are written to shared memory, 384 clocks; 8 instructions read 2 KB of
//   A and 8 KB of B each, 640 clocks: 1,024, so that shared memory is just as busy as the tensor cores. With 128 x 128 it would be 1,280 clocks for 1,024.
//   8192^3: 2,048 tiles in 15.5 turns of 132, written in 16. Limited by: L2 (two blocks could share what they load, a cluster's multicast), and watts.
// Shapes: k a multiple of 8 (rows of 16 bytes), not 0; any m and n. Measured: not yet run on a GPU.
#include <algorithm>
#include <stdexcept>

#include "cuda/gemm/gemm.h"
#include "cuda/mma/ring.h"
#include "cuda/mma/tensor_map.h"

namespace bonsai::cuda {
namespace {

constexpr int high = 128, wide = 256, depth = 64, stages = 4, band = 16;  // 16 x 8 tiles at a time: 2,048 x 2,048 of C
constexpr int a_bytes = high * depth * 2, b_bytes = wide * depth * 2;

template <class T>
__global__ void __launch_bounds__(ring_threads) kernel(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int m, int n, int k) {
#ifdef BONSAI_HOPPER
  Ring<stages> ring(a_bytes + b_bytes);
  const int down = (m + high - 1) / high, across = (n + wide - 1) / wide, steps = (k + depth - 1) / depth;
  if (threadIdx.x < warpgroup) {
    fewer_registers<few>();
    if (threadIdx.x != 0) return;
    for (int turn = blockIdx.x; turn < down * across; turn += gridDim.x) {
      const Place tile = tile_of(turn, down, across, band);
      for (int s = 0; s < steps; ++s, ring.next()) {
        ring.begin_stage();
        copy_box(ring.here(), a, tile.row * high, s * depth, ring.full());
        copy_box(ring.here() + a_bytes, b, tile.column * wide, s * depth, ring.full());
      }
    }
    return;
  }
  more_registers<many>();
  const int thread = threadIdx.x % warpgroup, own = 64 * (threadIdx.x / warpgroup - 1);  // this warpgroup's rows of the tile
  for (int turn = blockIdx.x; turn < down * across; turn += gridDim.x) {
    const Place tile = tile_of(turn, down, across, band);
    float sums[wide / 2] = {};
    for (int s = 0; s < steps; ++s, ring.next()) {
      ring.wait_stage();
      const std::uint64_t as = matrix_descriptor(shared_address(ring.here()) + own * depth * 2), bs = matrix_descriptor(shared_address(ring.here()) + a_bytes);
      products_fence();
#pragma unroll
      for (int i = 0; i < depth / 16; ++i) wgmma_m64n256k16<T>(sums, as + 2 * i, bs + 2 * i);
      products_commit();
      products_wait<1>();  // the batch before this one is done, and so with the stage before
      if (s > 0) ring.done_with_stage_before();
    }
    products_wait<0>();
    ring.done_with_stage_before();
    store_d<wide>(sums, c, m, n, tile.row * high + own, tile.column * wide, thread);
  }
#elif defined(__CUDA_ARCH__)
  __trap();  // compiled for something else than sm_90a; the launcher does not come here
#endif
}

}  // namespace

template <class T>
void gemm_hopper(const T* a, const T* b, float* c, int m, int n, int k, Stream stream) {
  if (k % 8 != 0 || k == 0) throw std::invalid_argument("gemm_hopper: k must be a multiple of 8, so that rows begin at 16 bytes, and not 0");
  const int blocks = hopper_multiprocessors("gemm_hopper"), tiles = (m + high - 1) / high * ((n + wide - 1) / wide);
  if (tiles == 0) return;
  launch("gemm_hopper", kernel<T>, dim3(std::min(blocks, tiles)), dim3(ring_threads), ring_bytes<stages>(a_bytes + b_bytes), stream,
         tensor_map("gemm_hopper", a, m, k, high, depth, true), tensor_map("gemm_hopper", b, n, k, wide, depth, true), c, m, n, k);
}
template void gemm_hopper(const F16*, const F16*, float*, int, int, int, Stream);
template void gemm_hopper(const Bf16*, const Bf16*, float*, int, int, int, Stream);

}  // namespace bonsai::cuda
