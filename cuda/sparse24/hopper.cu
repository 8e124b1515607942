// Rung 5, Hopper: the dense kernel (cuda/gemm/hopper.cu) with wgmma.sp, 64 x 32 of A, of which 16 columns are kept, with 32 x 128 of B in the time of a dense one over 16.
// A block computes 256 x 128 of C, 128 columns at a time: the values, B and the positions' words all come by bulk copies, three stages ahead.
//
// What changed: as in the dense one; and one word of positions a thread serves 64 columns, two instructions, one with each selector (mma/warpgroup.h).
// Why not the dense one's 128 x 256: A is half as large, so fewer bytes come from L2 when a block has more rows. For 32 columns: 256 rows of 36 bytes (32 of values, 4 of
// positions) and 128 of 64 are 17 KB; 128 rows and 256 of B would be 21 KB.
// Expected (an H200 as in the dense rung; nothing here is measured): a stage is 256 x 128 x 128 multiply-adds, half of them with zeros, 1,024 clocks of the sparse tensor
//   cores. 68 KB come from L2 (68 bytes a clock, against 48 in the dense one) and are written to shared memory, 544 clocks; 16 instructions read 2 KB of A and 8 KB of B
//   each, 1,280 clocks. So shared memory is busy for 1,280 to 1,824 clocks, and the most to hope for is 1.1 to 1.6 times what the dense tensor cores could do.
//   The dense product reaches some 70% of that, being limited by watts. Limited by: shared memory, then L2.
// Shapes: m and k multiples of 32, k not 0; any n. Measured: not yet run on a GPU.
#include <algorithm>
#include <stdexcept>

#include "cuda/mma/ring.h"
#include "cuda/mma/tensor_map.h"
#include "cuda/sparse24/sparse24.h"

namespace bonsai::cuda {
namespace {

constexpr int high = 256, wide = 128, depth = 128, stages = 3, band = 8;  // 8 x 16 tiles at a time: 2,048 x 2,048 of C
constexpr int a_bytes = high * depth / 2 * 2, b_half_bytes = wide * 64 * 2, words_bytes = depth / 32 * high * 4;
constexpr int b_at = a_bytes, words_at = b_at + 2 * b_half_bytes, stage_bytes = words_at + words_bytes;

// values (m, k / 2), b (n, k), words (k / 32, m): a row of the words is 32 columns of A, whose tiles lie side by side, a word for every row.
template <class T>
__global__ void __launch_bounds__(ring_threads)
    kernel(const __grid_constant__ TensorMap values, const __grid_constant__ TensorMap b, const __grid_constant__ TensorMap words, float* c, int m, int n, int k) {
#ifdef BONSAI_HOPPER
  Ring<stages> ring(stage_bytes);
  const int down = (m + high - 1) / high, across = (n + wide - 1) / wide, steps = (k + depth - 1) / depth;
  if (threadIdx.x < warpgroup) {
    fewer_registers<few>();
    if (threadIdx.x != 0) return;
    for (int turn = blockIdx.x; turn < down * across; turn += gridDim.x) {
      const Place tile = tile_of(turn, down, across, band);
      for (int s = 0; s < steps; ++s, ring.next()) {
        ring.begin_stage();
        copy_box(ring.here(), values, tile.row * high, s * depth / 2, ring.full());
        for (int half = 0; half < 2; ++half) copy_box(ring.here() + b_at + half * b_half_bytes, b, tile.column * wide, s * depth + 64 * half, ring.full());
        copy_box(ring.here() + words_at, words, s * depth / 32, tile.row * high, ring.full());
      }
    }
    return;
  }
  more_registers<many>();
  const int thread = threadIdx.x % warpgroup, own = 128 * (threadIdx.x / warpgroup - 1);  // this warpgroup's rows of the tile: two times 64
  const WordPlace place = word_place(thread);
  for (int turn = blockIdx.x; turn < down * across; turn += gridDim.x) {
    const Place tile = tile_of(turn, down, across, band);
    float sums[2][wide / 2] = {};
    for (int s = 0; s < steps; ++s, ring.next()) {
      ring.wait_stage();
      std::uint32_t now[2][2];  // for 64 columns and 64 rows
      const auto* all = reinterpret_cast<const std::uint32_t*>(ring.here() + words_at);
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int x = 0; x < 2; ++x) {
          const std::uint32_t word = all[(2 * half + place.tile_column) * high + own + 64 * x + 32 * place.tile_row + place.lane];
          now[half][x] = word == 0 ? no_positions : word;
        }
      const std::uint64_t as = matrix_descriptor(shared_address(ring.here()) + own * depth), bs = matrix_descriptor(shared_address(ring.here()) + b_at);
      products_fence();
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int x = 0; x < 2; ++x) {
          const std::uint64_t ah = as + (64 * x * depth >> 4) + 4 * half, bh = bs + (half * b_half_bytes >> 4);  // 32 values of A's row, 64 columns of B
          wgmma_sp_m64n128k32<T, 0>(sums[x], ah, bh, now[half][x]);
          wgmma_sp_m64n128k32<T, 1>(sums[x], ah + 2, bh + 4, now[half][x]);
        }
      products_commit();
      products_wait<1>();  // the batch before this one is done, and so with the stage before
      if (s > 0) ring.done_with_stage_before();
    }
    products_wait<0>();
    ring.done_with_stage_before();
#pragma unroll
    for (int x = 0; x < 2; ++x) store_d<wide>(sums[x], c, m, n, tile.row * high + own + 64 * x, tile.column * wide, thread);
  }
#elif defined(__CUDA_ARCH__)
  __trap();  // compiled for something else than sm_90a; the launcher does not come here
#endif
}

}  // namespace

template <class T>
void sparse24_hopper(const Packed24<T>& a, const T* b, float* c, int n, Stream stream) {
  if (a.m % 32 != 0 || a.k % 32 != 0 || a.k == 0) throw std::invalid_argument("sparse24_hopper: m and k must be multiples of 32, which the positions' words come in, and k not 0");
  const int blocks = hopper_multiprocessors("sparse24_hopper"), tiles = (a.m + high - 1) / high * ((n + wide - 1) / wide);
  if (tiles == 0) return;
  launch("sparse24_hopper", kernel<T>, dim3(std::min(blocks, tiles)), dim3(ring_threads), ring_bytes<stages>(stage_bytes), stream,
         tensor_map("sparse24_hopper", a.values, a.m, a.k / 2, high, depth / 2, true), tensor_map("sparse24_hopper", b, n, a.k, wide, 64, true),
         tensor_map("sparse24_hopper", a.words, a.k / 32, a.m, depth / 32, high, false), c, a.m, n, a.k);
}
template void sparse24_hopper(const Packed24<F16>&, const F16*, float*, int, Stream);
template void sparse24_hopper(const Packed24<Bf16>&, const Bf16*, float*, int, Stream);

}  // namespace bonsai::cuda
