#include "experiments/common/png.h"

#include <memory>

#include "core/files.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace bonsai::experiments {

Tensor read_grey_png(const std::filesystem::path& file, std::int64_t height, std::int64_t width) {
  const std::string name = printable(file.string(), 4096), bytes = read_whole(file, 64 * 1024);
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  int w = 0, h = 0, channels = 0;
  require(stbi_info_from_memory(data, size, &w, &h, &channels) != 0, "{}: is not a PNG picture; convert it first", name);
  require(w == width && h == height, "{}: {} x {} pixels; the network takes {} x {}, so scale it first", name, w, h, width, height);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(stbi_load_from_memory(data, size, &w, &h, &channels, 2),
                                                         stbi_image_free);  // grey and alpha
  require(pixels != nullptr && w == width && h == height, "{}: is a damaged PNG picture", name);
  Tensor grey = empty({1, 1, height, width}, DType::u8);
  auto to = grey.mutable_data<std::uint8_t>();
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<std::uint8_t>((pixels.get()[2 * i] * pixels.get()[2 * i + 1] + 127) / 255);
  return grey;
}

}  // namespace bonsai::experiments
