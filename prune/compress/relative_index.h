// Relative indices: where the kept weights of a tensor are, as steps from each to the next. Weights lie row by row in one line; steps are small numbers, a place
// is a large one, so a few bits do.
//
//   with so many bits a step is 1 to 2^bits; a longer one is broken by filler zeros, weights of value 0 at every 2^bits-th place
//
//   3 bits, weights at 1, 4, 15:   steps 2, 3, 8 (a filler at 12), 3        (from place -1; a step is stored less 1)
//
// So few bits cost fillers and many bits cost bits. The tensor's end counts as one more weight, which is not stored: what follows the last is never
// longer than a step either, and whoever reads can tell from the number of steps how large the tensor can be at most.
// Assumes that weights lie scattered: their steps are then about geometric, and log₂(1/density) bits are near what they are worth.
// Cost: one pass. Han, Mao and Dally, "Deep compression", ICLR 2016, figure 2 (there the first step counts from place 0).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bonsai::prune {

struct Step {
  std::int32_t code;  // the step's length less 1, below 2^bitsits
  bool filler;        // ends at a filler zero, not at a weight
  bool operator==(const Step&) const = default;
};
inline constexpr int most_index_bits = 8;

// The steps to these places, which rise and lie below `size`. With 0 bits every step is 1: no place may be left out.
std::vector<Step> relative_index(const std::vector<std::int64_t>& places, std::int64_t size, int bits);

}  // namespace bonsai::prune
