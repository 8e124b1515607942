// PNG pictures in, through stb_image.
#pragma once
#include <filesystem>

#include "core/tensor.h"

namespace bonsai::experiments {

// u8 (1, 1, height, width), in grey: colours become their brightness, what is transparent becomes black. A picture of another size is refused
// before it is unpacked, and so is a file larger than 64 KiB, which for the small pictures here is no picture but a bomb.
Tensor read_grey_png(const std::filesystem::path& file, std::int64_t height, std::int64_t width);

}  // namespace bonsai::experiments
