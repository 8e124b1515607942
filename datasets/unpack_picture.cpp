#include "datasets/unpack_picture.h"

#include <cstdlib>

#include "core/error.h"
#include "core/files.h"

namespace {

// What stb_image may ask for at once, in this thread.
thread_local std::size_t most_memory = 0;
void* granted(std::size_t bytes) { return bytes <= most_memory ? std::calloc(bytes, 1) : nullptr; }
void* granted_more(void* old, std::size_t bytes) { return bytes <= most_memory ? std::realloc(old, bytes) : nullptr; }

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_ASSERT(ignored) static_cast<void>(0)  // a damaged file is no fault of the program's
#define STBI_MALLOC(bytes) granted(bytes)
#define STBI_REALLOC(old, bytes) granted_more(old, bytes)
#define STBI_FREE(old) std::free(old)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace bonsai::datasets {
namespace {

// Follows the markers of a JPEG (FF and a byte that is not 0, FF or a restart's D0 to D7; most with a length and so many bytes) as
// stb_image does, and looks at the tables of codes (C4): 16 counts, of codes of 1 to 16 bits, each for one byte's value.
void check_code_tables(std::string_view jpeg, std::string_view file) {
  auto byte = [&](std::size_t i) { return i < jpeg.size() ? static_cast<unsigned char>(jpeg[i]) : 0; };
  for (std::size_t at = 0; at < jpeg.size();) {
    const int marker = byte(at) == 0xFF ? byte(at + 1) : 0xFF;
    if (marker == 0xD9) return;  // the end
    if (marker == 0xFF || marker == 0 || (marker >= 0xD0 && marker <= 0xD8)) {
      at += marker == 0xFF ? 1 : 2;
      continue;
    }
    const std::size_t end = at + 2 + static_cast<std::size_t>(byte(at + 2) << 8 | byte(at + 3));
    for (std::size_t table = at + 4; marker == 0xC4 && table < end;) {
      int codes = 0;
      for (std::size_t i = 1; i <= 16; ++i) codes += byte(table + i);
      require(codes <= 256, "{}: is a damaged picture (a table of {} codes for 256 bytes)", file, codes);
      table += static_cast<std::size_t>(17 + codes);
    }
    at = end;
  }
}

}  // namespace

Unpacked unpack_picture(std::string_view bytes, std::string_view file, int components) {
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  require(bytes.size() <= most_picture_bytes, "{}: has {} bytes, more than the {} a picture may have", file,
          bytes.size(), most_picture_bytes);
  const int size = static_cast<int>(bytes.size());
  if (bytes.starts_with('\xff')) check_code_tables(bytes, file);
  int width = 0, height = 0, found = 0;
  most_memory = std::size_t{1} << 20;
  require(stbi_info_from_memory(data, size, &width, &height, &found) != 0,
          "{}: is not a PNG or JPEG picture; convert it", file);
  const std::int64_t pixels = std::int64_t{width} * height;
  require(width >= 1 && height >= 1 && width <= most_picture_side && height <= most_picture_side &&
              pixels <= most_picture_pixels,
          "{}: {} x {} pixels; at most {} a side and {} in all are unpacked, so make it smaller", file, width, height,
          most_picture_side, most_picture_pixels);
  // 4 channels of 2 bytes, doubled as it grows; a packed file's pieces joined, doubled too; blocks of JPEG at a thin picture's edge.
  most_memory = 17 * static_cast<std::size_t>(pixels) + 2 * bytes.size() + (std::size_t{8} << 20);
  Unpacked p{0, 0, {stbi_load_from_memory(data, size, &width, &height, &found, components), stbi_image_free}};
  require(p.bytes != nullptr && std::int64_t{width} * height == pixels, "{}: is a damaged picture ({})", file,
          p.bytes ? "two sizes" : printable(stbi_failure_reason()));
  p.height = height;
  p.width = width;
  return p;
}

}  // namespace bonsai::datasets
