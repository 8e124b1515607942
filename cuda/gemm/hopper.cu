// Rung 5, Hopper: one instruction of a warpgroup, wgmma, multiplies 64 x 16 of A with 16 x 256 of B, both straight from shared memory. A block computes 128 x 256 of C: one
// thread brings 64 columns of A and B at a time by bulk copies, four stages ahead, and two warpgroups multiply. Blocks come in pairs, which share B's tile (mma/ring.h).
//
// What changed: no fragment is loaded to registers and no address computed: an instruction does 262,144 multiply-adds, not 2,048. Those who copy and those who multiply are
// different threads, which wait for each other only at barriers.
// Expected, not measured (an H200's multiprocessor does 2,048 multiply-adds and moves 128 bytes of shared memory a clock):
//   a stage is 128 x 256 x 64 multiply-adds, 1,024 clocks. 16 KB of A and half of B's 32 KB come from L2, 32 bytes a clock; alone a block would need 48.
//   48 KB are written to shared memory, 384 clocks; 8 instructions read 2 KB of A and 8 KB of B each, 640. Together 1,024: shared memory is just as busy as the tensor cores.
//   With 128 x 128 of C a block it would be 1,280 clocks for 1,024 of products.
//   8192^3 is 2,048 tiles, 15.5 rounds of 132 blocks, and takes the time of 16.
// Limited by: all of that at once, and by watts, which lower the clock. Shapes: k a multiple of 8 (rows of 16 bytes), not 0; any m and n. Measured: not yet run on a GPU.
#include <algorithm>
#include <stdexcept>

#include "cuda/gemm/gemm.h"
#include "cuda/mma/ring.h"
#include "cuda/mma/tensor_map.h"

namespace bonsai::cuda {
namespace {

[[maybe_unused]] constexpr int high = 128, wide = 256, depth = 64, stages = 4, band = 8;  // 16 x 8 tiles at a time: 2,048 x 2,048 of C
constexpr int a_bytes = high * depth * 2, b_bytes = wide * depth * 2;

template <class T>
__global__ void __launch_bounds__(ring_threads) kernel(const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, float* c, int m, int n, int k) {
#ifdef BONSAI_HOPPER
  Ring<stages> ring(a_bytes + b_bytes);
  const int rank = cluster_rank(), down = (m + 2 * high - 1) / (2 * high), across = (n + wide - 1) / wide, steps = (k + depth - 1) / depth;
  if (threadIdx.x < warpgroup) {
    fewer_registers<few>();
    for (int turn = blockIdx.x / 2; threadIdx.x == 0 && turn < down * across; turn += gridDim.x / 2) {
      const Place pair = tile_of(turn, down, across, band);
      for (int s = 0; s < steps; ++s, ring.next()) {
        ring.begin_stage();
        copy_box(ring.here(), a, (2 * pair.row + rank) * high, s * depth, ring.full());
        copy_box_to(both, ring.here() + a_bytes + rank * b_bytes / 2, b, pair.column * wide + rank * wide / 2, s * depth, ring.full());
      }
    }
  } else {
    more_registers<many>();
    const int thread = threadIdx.x % warpgroup, own = 64 * multiplying_group();  // this warpgroup's rows of the tile
    for (int turn = blockIdx.x / 2; turn < down * across; turn += gridDim.x / 2) {
      const Place pair = tile_of(turn, down, across, band);
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
      store_d<wide>(sums, c, m, n, (2 * pair.row + rank) * high + own, pair.column * wide, thread);
    }
  }
  ring.finish();
#else
  __trap();  // compiled for something else than sm_90a: better an error than an untouched C
#endif
}

}  // namespace

template <class T>
void gemm_hopper(const T* a, const T* b, float* c, int m, int n, int k, Stream stream) {
  if (k % 8 != 0 || k == 0) throw std::invalid_argument("gemm_hopper: k must be a multiple of 8, so that rows begin at 16 bytes, and not 0");
  const int places = hopper_multiprocessors("gemm_hopper") / 2, pairs = (m + 2 * high - 1) / (2 * high) * ((n + wide - 1) / wide);
  if (pairs == 0) return;
  launch_pairs("gemm_hopper", kernel<T>, dim3(2 * std::min(places, pairs)), dim3(ring_threads), ring_bytes<stages>(a_bytes + b_bytes), stream,
               tensor_map("gemm_hopper", a, m, k, high, depth, true), tensor_map("gemm_hopper", b, n, k, wide / 2, depth, true), c, m, n, k);
}
template void gemm_hopper(const F16*, const F16*, float*, int, int, int, Stream);
template void gemm_hopper(const Bf16*, const Bf16*, float*, int, int, int, Stream);

}  // namespace bonsai::cuda
