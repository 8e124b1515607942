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

std::string progressive_jpeg(std::uint64_t seed) {
  auto segment = [](char marker, const std::string& data) {
    return std::string("\xff") + marker + big_endian(static_cast<std::uint32_t>(data.size() + 2)).substr(2) + data;
  };
  // 16 codes of 4 bits for DC, so that every one means something; 64 of 6 for AC, and of what they mean 4 zeros, ends of blocks, and ±1.
  auto table = [&](int number, int bits, const std::string& values) {
    std::string counts(16, '\0');
    counts[static_cast<std::size_t>(bits - 1)] = static_cast<char>(values.size());
    return segment('\xc4', static_cast<char>(number) + counts + values);
  };
  std::string dc, ac;
  for (int i = 0; i < 16; ++i) dc += static_cast<char>(i % 6);
  for (int i = 0; i < 64; ++i) ac += static_cast<char>(i % 3 == 0 ? 0x01 : i % 3 == 1 ? 0x41 : 0x10);
  auto scan = [&](int first, int last, int high_low, std::uint64_t stream) {
    std::string data;
    for (std::uint8_t b : noise(40, seed * 100 + stream)) data += static_cast<char>(b == 0xFF ? 0 : b);
    return segment('\xda', {1, 1, 0, static_cast<char>(first), static_cast<char>(last), static_cast<char>(high_low)}) +
           data;
  };
  return "\xff\xd8" + segment('\xdb', '\0' + std::string(64, '\x08')) +
         segment('\xc2', {8, 0, 16, 0, 24, 1, 1, 0x11, 0}) + table(0x00, 4, dc) + scan(0, 0, 0x01, 1) +
         table(0x10, 6, ac) + scan(1, 20, 0x01, 2) + scan(21, 63, 0x01, 3) + scan(0, 0, 0x10, 4) +
         scan(1, 63, 0x10, 5) + "\xff\xd9";
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
