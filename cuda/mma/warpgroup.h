// How a warpgroup (four warps, 128 threads, thread 0 .. 127) and its instruction wgmma see matrices: C (64, n) += A (64, k) B (k, n), k = 16 dense or 32 sparse, f16 or
// bf16 with f32 sums. A and B are not in registers: the instruction takes them from shared memory itself, through a descriptor. Kernels and tests use these very
// functions. The names in quotes are sections of the PTX manual, "Asynchronous Warpgroup Level Matrix Instructions".
#pragma once
#include "cuda/mma/fragments.h"

namespace bonsai::cuda {

// C, element i of a thread's n / 2: warp w has rows 16 w to 16 w + 15, and in it every 8 columns lie as mma's C. "Matrix Fragments for wgmma.mma_async.m64nNk16",
// accumulator D.
BONSAI_HOST_DEVICE constexpr Place d_place(int thread, int i) {  // (frag.4)
  const Place p = c_place(thread % 32, i % 4);
  return {16 * (thread / 32) + p.row, 8 * (i / 4) + p.column};
}

// A and B lie with k side by side (B by columns), 64 numbers or 128 bytes a row, which a bulk copy writes and wgmma reads in this order: the 16-byte pieces of row r
// are exchanged, piece p to p xor (r mod 8). So eight rows' pieces of one column lie in all 32 banks and not in the same four. As a function of
// the address, since tiles begin at multiples of 1024: bits 4 to 6 get bits 7 to 9 added without carry. "Shared Memory Matrix Layout", 128B swizzling mode, K-major.
BONSAI_HOST_DEVICE constexpr std::uint32_t swizzled(std::uint32_t address) { return address ^ (address >> 3 & 0x70); }  // (frag.5)

// What wgmma is told of a tile: where it begins, that the next eight rows lie 1024 bytes further, and mode 1, 128-byte swizzle. The leading dimension's
// offset is not used by this mode and set to 1. Two more in the address field is 32 bytes, or 16 numbers, further in the row. "Matrix Descriptor Format".
BONSAI_HOST_DEVICE constexpr std::uint64_t matrix_descriptor(std::uint32_t address) {  // (frag.6)
  return std::uint64_t{(address & 0x3ffff) >> 4} | std::uint64_t{1} << 16 | std::uint64_t{1024 >> 4} << 32 | std::uint64_t{1} << 62;
}

// Positions for wgmma.sp. Each warp sees its 16 rows as mma.sp does ("Matrix Fragments for sparse wgmma.mma_async.m64nNk32" shows mma.sp's figure): with selector 0
// threads 0 and 1 of every quad speak for columns 0 - 15 and 16 - 31, low half row q, high half row q + 8; with selector 1 threads 2 and 3. So the words of
// core/sparse24/hardware.h serve as they are; only another lane loads them. In 64 rows and 64 columns, two tiles of 32 x 32 each way:
struct WordPlace {
  int tile_row, tile_column, lane;  // the tile, and which of its 32 words
};
// Its word serves two instructions: columns 0 - 31 with selector 0, 32 - 63 with selector 1.
BONSAI_HOST_DEVICE constexpr WordPlace word_place(int thread) {  // (frag.7)
  const int warp = thread / 32, quad = thread % 32 / 4, t = thread % 4;
  return {warp / 2, t / 2, 4 * quad + 2 * (warp % 2) + t % 2};
}
constexpr std::uint32_t no_positions = 0x44444444;  // legal ones, for where the matrix has ended and the values are 0. A legal word is never 0.

}  // namespace bonsai::cuda
