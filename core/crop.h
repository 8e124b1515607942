// How chance flips and cuts a picture: what happens to the one at position i of a batch is read from block i of a stream, so every thread, and every device, can look it up.
#pragma once
#include "core/random.h"
#include "core/window.h"

namespace bonsai {

// What happens to one picture: out(y, x) = padded(y + dy, flip ? W - 1 - x + dx : x + dx). dy and dx are uniform in 0 .. 2 padding, but for (2 padding + 1) / 2^32.
struct Crop {
  bool flip;
  std::int64_t dy, dx;
};
BONSAI_HOST_DEVICE inline Crop crop_at(const Cropping& c, std::int64_t i) {
  const Philox4 word = philox(c.key, static_cast<std::uint64_t>(i));
  const auto span = static_cast<std::uint64_t>(2 * c.padding + 1);
  return {c.flip && word[0] >> 31 != 0, static_cast<std::int64_t>(word[1] * span >> 32), static_cast<std::int64_t>(word[2] * span >> 32)};
}

}  // namespace bonsai
