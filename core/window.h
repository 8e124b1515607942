// What operations on pictures (n, channels, height, width) are told besides their operands: how a kernel moves, along height and width
// alike, how a normalisation goes, and what an augmentation may do.
#pragma once
#include <cstdint>

namespace bonsai {

// Of a convolution. Output pixel y meets, with entry k of the kernel, input pixel  y stride - padding + k dilation;  where there is none, a 0.
// With groups, outputs and inputs are cut into as many parts, and an output sees the inputs of its own part alone (depthwise: as many as
// channels).
struct Window {
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};

// Of a pooling, over size x size pixels; padding counts as -∞ for the maximum and as 0 for the average.
struct Pool {
  std::int64_t size = 2, stride = 2, padding = 0;
};

// Of a normalisation: what is added to the variance, and whether ReLU follows.
struct Normalized {
  double epsilon = 1e-5;
  bool relu = false;
};

// Of an augmentation: each picture is mirrored with probability 1/2, if so wished, and cut anew out of itself with `padding` zeros on each side (core/crop.h). key: of the stream.
struct Cropping {
  std::uint64_t key = 0;
  std::int64_t padding = 0;
  bool flip = false;
};

// How often a kernel of k entries fits along an axis of n: (n + 2 padding - dilation (k - 1) - 1) / stride + 1, rounded down.
constexpr std::int64_t positions(std::int64_t n, std::int64_t k, std::int64_t stride, std::int64_t padding, std::int64_t dilation = 1) {
  const std::int64_t room = n + 2 * padding - dilation * (k - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

}  // namespace bonsai
