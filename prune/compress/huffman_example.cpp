// By hand: symbols a, b, c, d occur 5, 2, 1 and 1 times. c and d, the rarest, become one thing of 2; it and b one of 4; that and a all 9. So a is one bit
// long, b two, c and d three: 5 + 4 + 3 + 3 = 15 bits, where two bits each would take 18. Canonical: a 0, b 10, c 110, d 111.
// With at most two bits all four are two long.
#include <doctest/doctest.h>

#include "prune/compress/huffman.h"

TEST_CASE("frequent symbols get short codes") {
  using namespace bonsai::prune;
  const std::vector<std::uint8_t> lengths = huffman_lengths({5, 2, 1, 1});
  CHECK(lengths == std::vector<std::uint8_t>{1, 2, 3, 3});
  CHECK(huffman_codes(lengths) == std::vector<std::uint32_t>{0b0, 0b10, 0b110, 0b111});
  CHECK(huffman_lengths({5, 2, 1, 1}, 2) == std::vector<std::uint8_t>{2, 2, 2, 2});
  BitReader bits("\xd8", "example");  // 110 110 00: c c a a
  const HuffmanReader reader(lengths, "example");
  for (const std::uint32_t symbol : {2, 2, 0, 0}) CHECK(reader.read(bits) == symbol);
}
