// PNG and JPEG unpacked by stb_image, and what it takes to use a small, trusting library on files from anywhere. A header may promise a
// picture of any size in a few bytes; a packed stream may unfold into a thousand times its length; a JPEG may bring more codes than there
// are bytes to code, for which stb_image 2.27 has no room. So
//
// - the size is looked at before anything is unpacked;
// - while stb_image works, no piece of memory is granted that a picture of that size can't need, and each comes filled with zeros,
//   because a JPEG may use a table that it has not brought;
// - a JPEG's tables are counted first.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

namespace bonsai::datasets {

constexpr std::uint64_t most_picture_bytes = std::uint64_t{1} << 28;  // of a file
constexpr std::int64_t most_picture_pixels = std::int64_t{1} << 25;   // width x height: an 8K screen has 33 million
constexpr std::int64_t most_picture_side = 65535;                     // as JPEG allows

// What stb_image made: height x width x components bytes, 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
struct Unpacked {
  std::int64_t height, width;
  std::unique_ptr<unsigned char, void (*)(void*)> bytes;
};
Unpacked unpack_picture(std::string_view bytes, std::string_view file, int components);

}  // namespace bonsai::datasets
