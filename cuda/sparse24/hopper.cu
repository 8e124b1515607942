// Rung 5, Hopper: the dense kernel (cuda/gemm/hopper.cu) with wgmma.sp: 64 x 32 of A, of which 16 columns are kept, with 32 x 128 of B in the time of a dense one over 16.
// A block computes 256 x 128 of C, 128 columns at a time: values, B and the positions' words all come by bulk copies, three stages ahead.
//
// What changed: as in the dense one; and a word of positions serves 64 columns, two instructions, one with each selector (mma/warpgroup.h).
// Why not 128 x 256 as the dense one: B is the larger side now. For 32 columns a row of A takes 36 bytes (32 of values, 4 of positions), a column of B 64. So a high tile is
// less to load, 68 KB a stage instead of 82, of which three fit.
// Expected, not measured (a multiprocessor as in the dense rung): a stage is 256 x 128 x 128 multiply-adds, half of them with zeros, 1,024 clocks of the sparse tensor cores.
//   36 KB of A and half of B's 32 KB come from L2, 52 bytes a clock (alone 68). 68 KB are written to shared memory, 544 clocks; 16 instructions read 2 KB of A and 8 KB of B
//   each, 1,280. So shared memory takes 1,280 to 1,824 clocks, as far as reading and writing hinder each other: 56% to 80% of the sparse tensor cores, which is 1.1 to 1.6
//   times the dense ones, of which a dense product reaches some 70%.
// Limited by: shared memory, then L2. Shapes: m and k multiples of 32, k not 0; any n. Measured: not yet run on a GPU.
#include <algorithm>
#include <stdexcept>

#include "cuda/mma/ring.h"
#include "cuda/mma/tensor_map.h"
#include "cuda/sparse24/sparse24.h"

namespace bonsai::cuda {
namespace {

[[maybe_unused]] constexpr int high = 256, wide = 128, depth = 128, stages = 3, band = 4;  // 8 x 16 tiles at a time: 2,048 x 2,048 of C
constexpr int a_bytes = high * depth / 2 * 2, b_half_bytes = wide * 64 * 2, words_bytes = depth / 32 * high * 4;
constexpr int b_at = a_bytes, words_at = b_at + 2 * b_half_bytes, stage_bytes = words_at + words_bytes;

// values (m, k / 2), b (n, k), words (k / 32, m): a row of the words is 32 columns of A, whose tiles lie side by side, a word for every row.
template <class T>
__global__ void __launch_bounds__(ring_threads)
    kernel(const __grid_constant__ TensorMap values, const __grid_constant__ TensorMap b, const __grid_constant__ TensorMap words, float* c, int m, int n, int k) {
#ifdef BONSAI_HOPPER
  Ring<stages> ring(stage_bytes);
  const int rank = cluster_rank(), down = (m + 2 * high - 1) / (2 * high), across = (n + wide - 1) / wide, steps = (k + depth - 1) / depth;
  if (threadIdx.x < warpgroup) {
    fewer_registers<few>();
    for (int turn = blockIdx.x / 2; threadIdx.x == 0 && turn < down * across; turn += gridDim.x / 2) {
      const Place pair = tile_of(turn, down, across, band);
      const int row = (2 * pair.row + rank) * high;
      for (int s = 0; s < steps; ++s, ring.next()) {
        ring.begin_stage();
        copy_box(ring.here(), values, row, s * depth / 2, ring.full());
        copy_box(ring.here() + words_at, words, s * depth / 32, row, ring.full());
        copy_box_to(both, ring.here() + b_at + rank * b_half_bytes, b, pair.column * wide, s * depth + 64 * rank, ring.full());
      }
    }
  } else {
    more_registers<many>();
    const int thread = threadIdx.x % warpgroup, own = 128 * multiplying_group();  // this warpgroup's rows of the tile: two times 64
    const WordPlace place = word_place(thread);
    for (int turn = blockIdx.x / 2; turn < down * across; turn += gridDim.x / 2) {
      const Place pair = tile_of(turn, down, across, band);
      float sums[2][wide / 2] = {};
      for (int s = 0; s < steps; ++s, ring.next()) {
        ring.wait_stage();
        const auto* all = reinterpret_cast<const std::uint32_t*>(ring.here() + words_at);
        std::uint32_t now[2][2];  // for 64 columns and 64 rows
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
      for (int x = 0; x < 2; ++x) store_d<wide>(sums[x], c, m, n, (2 * pair.row + rank) * high + own + 64 * x, pair.column * wide, thread);
    }
  }
  ring.finish();
#else
  __trap();  // compiled for something else than sm_90a: better an error than an untouched C
#endif
}

}  // namespace

template <class T>
void sparse24_hopper(const Packed24<T>& a, const T* b, float* c, int n, Stream stream) {
  if (a.m % 32 != 0 || a.k % 32 != 0 || a.k == 0) throw std::invalid_argument("sparse24_hopper: m and k must be multiples of 32, which the positions' words come in, and k not 0");
  const int places = hopper_multiprocessors("sparse24_hopper") / 2, pairs = (a.m + 2 * high - 1) / (2 * high) * ((n + wide - 1) / wide);
  if (pairs == 0) return;
  launch_pairs("sparse24_hopper", kernel<T>, dim3(2 * std::min(places, pairs)), dim3(ring_threads), ring_bytes<stages>(stage_bytes), stream,
               tensor_map("sparse24_hopper", a.values, a.m, a.k / 2, high, depth / 2, true), tensor_map("sparse24_hopper", b, n, a.k, wide, 64, true),
               tensor_map("sparse24_hopper", a.words, a.k / 32, a.m, depth / 32, high, false), c, a.m, n, a.k);
}
template void sparse24_hopper(const Packed24<F16>&, const F16*, float*, int, Stream);
template void sparse24_hopper(const Packed24<Bf16>&, const Bf16*, float*, int, Stream);

}  // namespace bonsai::cuda
