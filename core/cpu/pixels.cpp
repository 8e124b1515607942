// Batches of pictures: bytes are picked by number, mirrored and cut, and become floats; a quarter of the memory traffic of picking floats.
#include <algorithm>
#include <cstring>

#include "core/crop.h"
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

// One plane (height, width) of a picture.
static void cut(const std::uint8_t* in, std::uint8_t* out, std::int64_t height, std::int64_t width, std::int64_t padding, const Crop& crop) {
  const std::int64_t down = crop.dy - padding, right = crop.dx - padding;  // out(y, x) = in(y + down, x + right), mirrored after that
  const std::int64_t begin = std::clamp<std::int64_t>(-right, 0, width), end = std::clamp<std::int64_t>(width - right, 0, width);
  for (std::int64_t y = 0; y < height; ++y, out += width) {
    const std::int64_t from = y + down;
    if (from < 0 || from >= height || begin >= end) {
      std::memset(out, 0, width);
      continue;
    }
    std::memset(out, 0, begin);
    std::memcpy(out + begin, in + from * width + begin + right, end - begin);
    std::memset(out + end, 0, width - end);
    if (crop.flip) std::reverse(out, out + width);
  }
}

void crop(Cropping how, View pictures, View numbers, View out) {
  const std::int64_t k = out.shape[0], channels = out.shape[1], height = out.shape[2], width = out.shape[3], plane = height * width, each = channels * plane, group = 16;
  const std::uint8_t* from = pictures.as<std::uint8_t>();
  std::uint8_t* to = out.as<std::uint8_t>();
  const std::int64_t* number = numbers.as<std::int64_t>();
  parallel_for((k + group - 1) / group, [&](std::int64_t tile) {
    for (std::int64_t i = tile * group; i < std::min(k, (tile + 1) * group); ++i) {
      const Crop c = crop_at(how, i);
      // Pictures drawn at random come from memory, not from the cache: the one after next is asked for while this one is cut.
      if (i + 2 < k)
        for (std::int64_t j = 0; j < each; j += 64) __builtin_prefetch(from + number[i + 2] * each + j);
      for (std::int64_t channel = 0; channel < channels; ++channel) cut(from + number[i] * each + channel * plane, to + i * each + channel * plane, height, width, how.padding, c);
    }
  });
}

}  // namespace bonsai::BONSAI_ISA
