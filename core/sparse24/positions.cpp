#include "core/sparse24/positions.h"

namespace bonsai {

std::vector<std::uint8_t> positions_24(std::int64_t rows, std::int64_t columns, std::span<const std::int32_t> begin, std::span<const std::int32_t> column) {
  if (columns % 4 != 0 || static_cast<std::int64_t>(column.size()) * 2 != rows * columns) return {};
  const std::int64_t bytes = position_bytes(columns);
  std::vector<std::uint8_t> out(rows * bytes);
  for (std::int64_t r = 0; r < rows; ++r) {
    if (begin[r] * 2 != r * columns) return {};
    const std::int32_t* c = column.data() + begin[r];
    for (std::int64_t g = 0; g < columns / 4; ++g) {
      const std::int64_t first = c[2 * g] - 4 * g, second = c[2 * g + 1] - 4 * g;
      if (first < 0 || second > 3) return {};  // (columns rise within a row, so first < second)
      out[r * bytes + g / 2] |= static_cast<std::uint8_t>((first | second << 2) << (4 * (g % 2)));
    }
  }
  return out;
}

std::vector<std::int32_t> columns_of_24(std::int64_t rows, std::int64_t columns, std::span<const std::uint8_t> positions) {
  std::vector<std::int32_t> out;
  out.reserve(rows * columns / 2);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t g = 0; g < columns / 4; ++g)
      for (int which : {0, 1}) out.push_back(static_cast<std::int32_t>(4 * g + position(positions.data() + r * position_bytes(columns), g, which)));
  return out;
}

}  // namespace bonsai
