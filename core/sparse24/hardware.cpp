#include "core/sparse24/hardware.h"

#include "core/error.h"
#include "core/sparse24/positions.h"

namespace bonsai {
namespace {

// f(word, half, first of the two canonical bytes) for every half of every word.
template <class F>
void each_half(std::int64_t rows, std::int64_t columns, std::size_t bytes, F f) {
  require(rows % 32 == 0 && columns % 32 == 0, "2:4: a {} x {} matrix is not made of tiles of 32 x 32, which the GPU's metadata comes in", rows, columns);
  require(static_cast<std::int64_t>(bytes) == rows * columns / 8, "2:4: {} bytes of positions do not fit {} x {}, which has {}", bytes, rows, columns, rows * columns / 8);
  for (std::int64_t c = 0; c < columns / 32; ++c)
    for (std::int64_t r = 0; r < rows / 32; ++r)
      for (int lane = 0; lane < 32; ++lane)
        for (int half : {0, 1}) {
          const HalfWord at = half_word(lane, half);
          f(static_cast<std::size_t>((c * (rows / 32) + r) * 32 + lane), half, static_cast<std::size_t>((32 * r + at.row) * (columns / 8) + (32 * c + at.column) / 8));
        }
}

}  // namespace

std::vector<std::uint32_t> hardware_positions(std::int64_t rows, std::int64_t columns, std::span<const std::uint8_t> positions) {
  std::vector<std::uint32_t> words(positions.size() / 4);
  each_half(rows, columns, positions.size(), [&](std::size_t word, int half, std::size_t byte) {
    words[word] |= static_cast<std::uint32_t>(positions[byte] | positions[byte + 1] << 8) << (16 * half);
  });
  return words;
}

std::vector<std::uint8_t> canonical_positions(std::int64_t rows, std::int64_t columns, std::span<const std::uint32_t> words) {
  std::vector<std::uint8_t> positions(4 * words.size());
  each_half(rows, columns, positions.size(), [&](std::size_t word, int half, std::size_t byte) {
    const std::uint32_t bits = words[word] >> (16 * half);
    positions[byte] = static_cast<std::uint8_t>(bits), positions[byte + 1] = static_cast<std::uint8_t>(bits >> 8);
  });
  return positions;
}

}  // namespace bonsai
