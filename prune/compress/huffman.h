// Huffman codes: frequent symbols in few bits, rare ones in many, and no code is the beginning of another, so that nothing is needed between them.
//
//   minimise  Σ_s count_s length_s     over lengths with  Σ_s 2^-length_s <= 1  and  length_s <= 15
//
// The lengths are all that is stored. The codes follow from them (canonical): shorter before longer, equals by symbol, each the one before plus one. Lengths are
// limited, so that four bits store one and a reader needs no more than 15 bits at a time; the best limited lengths are found by package-merge: 14
// times over, the cheapest things are put together in pairs; every symbol is then as long as it is often among the cheapest 2n - 2. Ties go to single symbols before
// pairs and to the lower symbol, so the same counts give the same code everywhere.
//
// One symbol alone gets one bit, never none: then n symbols take n bits at least, and a file can't promise more symbols than it has bits.
// Assumes that symbols come independently of each other: nothing is gained from one about the next.
// Cost: 15 n log n for n different symbols. Huffman, 1952; Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", 1990.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "prune/compress/bits.h"

namespace bonsai::prune {

inline constexpr int longest_code = 15;

// One length a symbol, 0 for one that does not occur. At most 2^longest symbols may.
std::vector<std::uint8_t> huffman_lengths(const std::vector<std::uint64_t>& counts, int longest = longest_code);

// The canonical codes of these lengths, which are not checked.
std::vector<std::uint32_t> huffman_codes(const std::vector<std::uint8_t>& lengths);

class HuffmanReader {
 public:
  // Refuses, as `who`, lengths that no code has: with Σ 2^-length other than 1, but for one symbol alone of length 1; or of no symbol at all.
  HuffmanReader(const std::vector<std::uint8_t>& lengths, const std::string& who);
  std::uint32_t read(BitReader& from) const;

 private:
  std::array<std::uint32_t, longest_code + 1> count_{};  // codes of each length
  std::vector<std::uint32_t> symbols_;                    // in the order of their codes
};

}  // namespace bonsai::prune
