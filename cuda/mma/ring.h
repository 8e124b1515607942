// What the two Hopper rungs share. A block has three warpgroups: one brings tiles to a ring of stages in shared memory, two multiply what is there. Two blocks make a
// cluster. They compute tiles of C one above the other, so they need the same of B: each brings half of it, to both. A stage has two barriers: `full`, at which
// its bytes arrive, and `empty`, at which each of the pair's 16 multiplying warps says that it has done with them. There are as many blocks as multiprocessors, and each
// takes a tile, then another; the ring runs on, so the next tile's first stages come while this one's sums are written.
#pragma once
#include "cuda/mma/hopper.h"
#include "cuda/mma/warpgroup.h"

namespace bonsai::cuda {

constexpr int warpgroup = 128, ring_threads = 3 * warpgroup, multiplying_warps = 8, both = 0b11;
// 65,536 registers for 384 threads: compiled with 168 each; then 40 for those who copy, and 232 for those who hold 128 sums.
constexpr int few = 40, many = 232;

template <int Stages>
constexpr std::size_t ring_bytes(std::size_t stage) { return 1023 + Stages * (stage + 2 * sizeof(Barrier)); }

// 0 or 1. By way of an exchange, after which the compiler knows that all of a warp have the same, as the instructions' descriptors must be.
__device__ __forceinline__ int multiplying_group() { return __shfl_sync(~0u, static_cast<int>(threadIdx.x) / warpgroup, 0) - 1; }

// One thread's way round the ring.
template <int Stages>
struct Ring {
  unsigned char* stages;  // at a multiple of 1024
  int stage_bytes;
  Barrier* barriers;  // full, then empty
  int stage = 0;
  std::uint32_t round = 0;  // its parity

  // By all threads of both blocks, before anything else; and finish() after all.
  __device__ __forceinline__ explicit Ring(int bytes) : stage_bytes(bytes) {
    auto* memory = shared<unsigned char>();
    stages = memory + (1024 - shared_address(memory) % 1024) % 1024;
    barriers = reinterpret_cast<Barrier*>(stages + Stages * bytes);
    if (threadIdx.x == 0) {
      for (int s = 0; s < Stages; ++s) barrier_init(barriers + s, 1), barrier_init(barriers + Stages + s, 2 * multiplying_warps);
      barriers_ready();
    }
    sync_cluster();
  }
  __device__ __forceinline__ void finish() { sync_cluster(); }  // a block must not end while the other may still write to it or arrive at its barriers
  __device__ __forceinline__ unsigned char* here() const { return stages + stage * stage_bytes; }
  __device__ __forceinline__ Barrier* full() const { return barriers + stage; }
  __device__ __forceinline__ void next() {
    if (++stage == Stages) stage = 0, round ^= 1;
  }
  // For the thread that copies: waits until the stage is empty in both blocks (at first it is), and says what will come to this one.
  __device__ __forceinline__ void begin_stage() {
    barrier_wait(barriers + Stages + stage, round ^ 1);
    barrier_arrive_and_expect(full(), stage_bytes);
  }
  // For those that multiply.
  __device__ __forceinline__ void wait_stage() { barrier_wait(full(), round); }
  __device__ __forceinline__ void done_with_stage_before() {  // two lanes of each warp tell the two blocks
    if (threadIdx.x % 32 < 2) barrier_arrive(barriers + Stages + (stage + Stages - 1) % Stages, threadIdx.x % 32);
  }
};

// Which pair of tiles of C is the turn-th: bands of `height` rows of pairs, a band column by column. So the tiles that are computed at the same time are about as high as
// wide, and read few rows of A and B between them, which the L2 cache holds.
BONSAI_HOST_DEVICE constexpr Place tile_of(int turn, int down, int across, int height) {
  const int first = turn / (height * across) * height, rest = turn - first * across, high = height < down - first ? height : down - first;
  return {first + rest % high, rest / high};
}

// A warpgroup's 64 x N of C, (m, n), as far as it lies inside. Two sums of a thread are neighbours, and four threads fill 32 bytes, which is what memory is written in.
template <int N>
__device__ __forceinline__ void store_d(const float (&sums)[N / 2], float* c, int m, int n, int row, int column, int thread) {
  struct alignas(8) Pair {
    float x, y;
  };
#pragma unroll
  for (int i = 0; i < N / 2; i += 2) {
    const Place p = d_place(thread, i);
    const int r = row + p.row, s = column + p.column;
    if (r >= m || s >= n) continue;
    float* to = c + static_cast<std::int64_t>(r) * n + s;
    if (n % 2 == 0) *reinterpret_cast<Pair*>(to) = {sums[i], sums[i + 1]};
    else {
      to[0] = sums[i];
      if (s + 1 < n) to[1] = sums[i + 1];
    }
  }
}

}  // namespace bonsai::cuda
