// Huffman: what is frequent gets a short code.
// do it, an evening. Chapter: prune/compress/README.md, "Huffman codes".
//
// counts[s] is how often symbol s occurs, two symbols or more, each at least once. Return the length of each
// symbol's code, so that
//
//   Σ counts[s] length[s] is as small as can be, and Σ 2^-length[s] = 1, so that there are such codes
//
// Huffman's way: put the two rarest things together into one, as often as both; again and again until one is
// left. A symbol's length is how many times it was put together with something. (Which lengths come out
// depends on ties; the total does not.)
#include "prune/compress/huffman.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<std::uint8_t> code_lengths(const std::vector<std::uint64_t>& counts) {
  todo();
}

// ---- The cases

namespace {
double bits(const std::vector<std::uint64_t>& counts, const std::vector<std::uint8_t>& lengths) {
  double total = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) total += static_cast<double>(counts[s]) * lengths[s];
  return total;
}
void as_short_as_can_be(const std::vector<std::uint64_t>& counts) {
  const std::vector<std::uint8_t> lengths = code_lengths(counts);
  must(lengths.size() == counts.size(), "{} lengths for {} symbols", lengths.size(), counts.size());
  double room = 0;
  for (std::uint8_t l : lengths) room += std::exp2(-static_cast<double>(l));
  check(room, 1.0, "Σ 2^-length");
  check(bits(counts, lengths), bits(counts, prune::huffman_lengths(counts)), "bits in all");
}
}  // namespace

CASE("5, 2, 1 and 1 times: 1, 2, 3 and 3 bits") { check(code_lengths({5, 2, 1, 1}), std::vector<std::uint8_t>{1, 2, 3, 3}); }
CASE("eight symbols alike: three bits each") { check(code_lengths(std::vector<std::uint64_t>(8, 7)), std::vector<std::uint8_t>(8, 3)); }
CASE("two symbols, however rare the second: one bit each") { check(code_lengths({1'000'000, 1}), std::vector<std::uint8_t>{1, 1}); }
CASE("forty random counts, as short as the library's") {
  Random r = seeded();
  std::vector<std::uint64_t> counts(40);
  for (std::uint64_t& c : counts) c = 1 + r.below(500);
  as_short_as_can_be(counts);
}
