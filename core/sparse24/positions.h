// 2:4: of every four columns in a row, two are kept. Where they lie takes 2 bits each, so a row of n columns is n/2 values and n bits, against the
// n values of a dense row and the 32 n bits of indices that a general pattern needs. The layout and why: FORMAT.md beside this file.
//
//   row       (. 5 . 7 | 1 . . 2)        columns 1 and 3 of the first four, 0 and 3 of the next
//   values    (5, 7, 1, 2)
//   positions 1, 3, 0, 3 = 0b11'00'11'01, one byte: the first group in the low half, and in a group the first kept column in the low bits
#pragma once
#include <cstdint>
#include <span>
#include <vector>


namespace bonsai {

// Bytes that the positions of a row take: two groups a byte, a row begins with a byte of its own.
constexpr std::int64_t position_bytes(std::int64_t columns) { return (columns + 7) / 8; }

// Column, 0 to 3 within its group, of the group's first (which = 0) or second (1) kept entry.
constexpr int position(const std::uint8_t* row, std::int64_t group, int which) { return row[group / 2] >> (4 * (group % 2) + 2 * which) & 3; }  // (s24.1)

// Of a pattern by its entries' columns, row after row: begin (rows + 1), column (kept). Empty when a group of four keeps another number than two, or
// the columns are no multiple of four.
std::vector<std::uint8_t> positions_24(std::int64_t rows, std::int64_t columns, std::span<const std::int32_t> begin, std::span<const std::int32_t> column);

// The columns again: kept entry k of the matrix lies in column[k].
std::vector<std::int32_t> columns_of_24(std::int64_t rows, std::int64_t columns, std::span<const std::uint8_t> positions);

}  // namespace bonsai
