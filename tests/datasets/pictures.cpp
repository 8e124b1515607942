#include "tests/datasets/pictures.h"

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

#include "core/random.h"

namespace bonsai::test {
namespace {

void append(void* to, void* bytes, int n) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), static_cast<std::size_t>(n));
}

std::string big_endian(std::uint32_t n) {
  std::string out;
  for (int i = 3; i >= 0; --i) out += static_cast<char>(n >> 8 * i);
  return out;
}
std::string chunk(std::string_view type, std::string_view data) {
  return big_endian(static_cast<std::uint32_t>(data.size())) + std::string(type) + std::string(data) +
         "none";  // (stb_image compares no CRC)
}

}  // namespace

std::string png(int width, int height, int channels, const std::vector<std::uint8_t>& pixels) {
  std::string out;
  stbi_write_png_to_func(append, &out, width, height, channels, pixels.data(), width * channels);
  return out;
}
std::string jpeg(int width, int height, int channels, const std::vector<std::uint8_t>& pixels, int quality) {
  std::string out;
  stbi_write_jpg_to_func(append, &out, width, height, channels, pixels.data(), quality);
  return out;
}

std::vector<std::uint8_t> noise(std::size_t n, std::uint64_t seed) {
  Random r(seed);
  std::vector<std::uint8_t> bytes(n);
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(r.below(256));
  return bytes;
}

std::string raw_png(std::uint32_t width, std::uint32_t height, int depth, int colour, std::string_view zlib) {
  const std::string header = big_endian(width) + big_endian(height) + static_cast<char>(depth) +
                             static_cast<char>(colour) + std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", zlib) + chunk("IEND", "");
}

std::string stored(std::string_view bytes) {
  const auto n = static_cast<unsigned>(bytes.size());
  std::string out("\x78\x01\x01", 3);
  for (unsigned word : {n, ~n}) out += static_cast<char>(word), out += static_cast<char>(word >> 8);
  return out + std::string(bytes) + "none";
}

std::string zeros_packed(std::size_t bytes) {
  std::string out("\x78\x01", 2);
  int filled = 0;
  auto bits = [&](unsigned value, int n) {  // the lowest first
    for (int i = 0; i < n; ++i, ++filled) {
      if (filled % 8 == 0) out += '\0';
      out.back() = static_cast<char>(out.back() | (value >> i & 1) << filled % 8);
    }
  };
  bits(1, 1);           // the last block,
  bits(1, 2);           // with the codes that everybody knows
  bits(0b00001100, 8);  // the byte 0 (its code 00110000, the highest bit first)
  for (std::size_t made = 1; made < bytes; made += 258) {
    bits(0b10100011, 8);  // copy 258 bytes (11000101)
    bits(0, 5);           // from one back
  }
  bits(0, 7);  // the end
  return out + "none";
}

}  // namespace bonsai::test
