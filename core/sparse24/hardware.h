// The order in which a GPU's sparse tensor cores want the positions. The bits are those of the canonical form (positions.h); a warp of 32 lanes loads them
// as one 32-bit word a lane, for the instruction mma.sp.m16n8k32 on f16 or bf16 (PTX manual, "Matrix fragments for multiply-accumulate operation
// with sparse matrix A"):
//
//   a tile of 32 rows and 32 columns is 32 words; lane 4 q + t (quad q of 8, thread t of 4) holds of it
//     low half    row 16 (t/2) + q,       columns 16 (t%2) .. 16 (t%2) + 15          8 positions of 2 bits, in the canonical order
//     high half   row 16 (t/2) + q + 8,   the same columns
//
// So threads 0 and 1 of every quad serve the upper 16 rows (sparsity selector 0), threads 2 and 3 the lower 16 (selector 1). Tiles lie row tiles first:
// those with the same 32 columns side by side. It is the order that CUTLASS's and PyTorch's kernels for sm_80 read, too.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace bonsai {

// Where a 32-bit word's half belongs to. tile_row, tile_column: within the tile of 32 x 32, the first of 16 columns.
struct HalfWord {
  int row, column;
};
constexpr HalfWord half_word(int lane, int half) { return {16 * (lane % 4 / 2) + lane / 4 + 8 * half, 16 * (lane % 2)}; }  // (s24.2)

// Canonical positions of a (rows, columns) matrix -> rows columns / 32 words. Throws unless rows and columns are multiples of 32.
std::vector<std::uint32_t> hardware_positions(std::int64_t rows, std::int64_t columns, std::span<const std::uint8_t> positions);
// And back.
std::vector<std::uint8_t> canonical_positions(std::int64_t rows, std::int64_t columns, std::span<const std::uint32_t> words);

}  // namespace bonsai
