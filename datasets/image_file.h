// Pictures in: PNG and JPEG files (datasets/unpack_picture.h) as tensors of bytes, in the size and with the channels that a network takes.
//
// Colours and grey: from RGB to one channel by brightness, (77 R + 150 G + 29 B) / 256, rounded down; from grey to three channels by
// repeating it. What is transparent becomes black: x alpha / 255, rounded. Of 16 bits a channel the upper 8 are kept.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/tensor.h"

namespace bonsai::datasets {

// The file's bytes unpacked: u8 (height, width, channels), channels 1 or 3. `file` names it in messages.
Tensor decode_picture(std::string_view bytes, std::string_view file, std::int64_t channels);

// Another size, sides stretched as needed: u8 (height, width, channels) to (channels, height, width). Along each axis, with
// s = in / out, output i is the mean of the inputs j weighted by a triangle, max(0, 1 - |j + 1/2 - (i + 1/2) s| / max(s, 1)): bilinear
// when it grows, an average over all it covers when it shrinks. The same size stays as it is.
Tensor scale_picture(const Tensor& picture, std::int64_t height, std::int64_t width);

// Both: u8 (1, channels, height, width), as a network takes it once it is floats.
Tensor load_image(const std::filesystem::path& path, std::int64_t channels, std::int64_t height, std::int64_t width);

}  // namespace bonsai::datasets
