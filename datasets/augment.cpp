#include "datasets/augment.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/parallel.h"

namespace bonsai::datasets {
namespace {

// One plane (height, width) of a picture.
void cut(const std::uint8_t* in, std::uint8_t* out, std::int64_t height, std::int64_t width, std::int64_t pad,
         const Crop& crop) {
  const std::int64_t down = crop.dy - pad,
                     right = crop.dx - pad;  // out(y, x) = in(y + down, x + right), mirrored after that
  const std::int64_t begin = std::clamp<std::int64_t>(-right, 0, width),
                     end = std::clamp<std::int64_t>(width - right, 0, width);
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

}  // namespace

Crop draw_crop(const Augmentation& a, const Random& stream, std::int64_t position) {
  const Philox4 word = philox(stream.key(), static_cast<std::uint64_t>(position));
  auto shift = [&](int i) {
    return static_cast<std::int64_t>(word[i] * static_cast<std::uint64_t>(2 * a.pad + 1) >> 32);
  };
  return {a.flip && word[0] >> 31 != 0, shift(1), shift(2)};
}

void check(const Augmentation& a, const Tensor& images) {
  if (!a.any()) return;
  require(images.dtype() == DType::u8 && images.rank() == 4,
          "augmentation: inputs must be pictures, u8 (n, channels, height, width), got {} {}", name(images.dtype()),
          images.shape());
  require(a.pad >= 0 && a.pad < std::min(images.size(2), images.size(3)),
          "augmentation: pad {} on pictures {}; take 0 to {}", a.pad, images.shape(),
          std::min(images.size(2), images.size(3)) - 1);
}

Tensor augmented(const Tensor& images, const Tensor& numbers, const Augmentation& a, const Random& stream) {
  check(a, images);
  const std::int64_t channels = images.size(1), height = images.size(2), width = images.size(3), plane = height * width;
  const std::int64_t k = numbers.numel(), each = channels * plane, group = 16;
  Tensor out = empty({k, channels, height, width}, DType::u8);
  const std::uint8_t* from = images.data<std::uint8_t>().data();
  std::uint8_t* to = out.mutable_data<std::uint8_t>().data();
  const auto number = numbers.data<std::int64_t>();
  for (std::int64_t i : number)
    require(i >= 0 && i < images.size(0), "augmentation: picture {} of {}", i, images.size(0));
  parallel_for((k + group - 1) / group, [&](std::int64_t tile) {
    for (std::int64_t i = tile * group; i < std::min(k, (tile + 1) * group); ++i) {
      const Crop crop = draw_crop(a, stream, i);
      // Pictures drawn at random come from memory, not from the cache: the one after next is asked for while this one is cut.
      if (i + 2 < k)
        for (std::int64_t j = 0; j < each; j += 64) __builtin_prefetch(from + number[i + 2] * each + j);
      for (std::int64_t c = 0; c < channels; ++c)
        cut(from + number[i] * each + c * plane, to + i * each + c * plane, height, width, a.pad, crop);
    }
  });
  return out;
}

}  // namespace bonsai::datasets
