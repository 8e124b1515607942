// Batches of pictures: bytes are picked by number and become floats, a quarter of the memory traffic of picking floats.
#include <algorithm>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"

namespace bonsai::BONSAI_ISA {

void pixels(View bytes, View numbers, View scale, View out) {
  const std::int64_t channels = bytes.shape[1], plane = bytes.shape[2], row = channels * plane, n = numbers.shape[0];
  const std::uint8_t* in = bytes.as<std::uint8_t>();
  const std::int64_t* number = numbers.as<std::int64_t>();
  const std::int64_t group = std::max<std::int64_t>(1, tile_elements / std::max<std::int64_t>(row, 1));
  parallel_for((n + group - 1) / group, [&](std::int64_t tile) {
    for (std::int64_t i = tile * group; i < std::min(n, (tile + 1) * group); ++i) {
      // Rows drawn at random come from memory, not from the cache: each is asked for two ahead, since waiting would cost more than converting.
      if (i + 2 < n)
        for (std::int64_t j = 0; j < row; j += 64) __builtin_prefetch(in + number[i + 2] * row + j);
      for (std::int64_t c = 0; c < channels; ++c) {
        const float high = scale.as<float>()[3 * c], low = scale.as<float>()[3 * c + 1], shift = scale.as<float>()[3 * c + 2];
        const std::uint8_t* __restrict from = in + number[i] * row + c * plane;
        float* __restrict to = out.as<float>() + i * row + c * plane;
        for (std::int64_t j = 0; j < plane; ++j) {
          const float x = static_cast<float>(static_cast<int>(from[j]));
          to[j] = x * high + (x * low + shift);
        }
      }
    }
  });
}

}  // namespace bonsai::BONSAI_ISA
