// Picture files for tests, made without the code under test: PNG and JPEG through stb_image_write, and PNG by hand for what it can't write.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bonsai::test {

// `pixels`: height x width x channels bytes.
std::string png(int width, int height, int channels, const std::vector<std::uint8_t>& pixels);
std::string jpeg(int width, int height, int channels, const std::vector<std::uint8_t>& pixels, int quality = 95);

// A progressive one, grey and 24 x 16, made by hand: its scans are seeded noise, which its tables give a meaning.
std::string progressive_jpeg(std::uint64_t seed);

// Seeded noise.
std::vector<std::uint8_t> noise(std::size_t n, std::uint64_t seed);

// A PNG of these parts: an IHDR of the sizes, depth and colour type (0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha), and
// one IDAT with this zlib stream.
std::string raw_png(std::uint32_t width, std::uint32_t height, int depth, int colour, std::string_view zlib);
std::string stored(std::string_view bytes);  // a zlib stream of at most 65535 bytes, not packed
std::string zeros_packed(
    std::size_t bytes);  // one that unfolds to so many zeros, as short as codes of 13 bits allow: 1 byte to 158

}  // namespace bonsai::test
