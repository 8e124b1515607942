#include "prune/compress/relative_index.h"

#include "core/error.h"

namespace bonsai::prune {

std::vector<Step> relative_index(const std::vector<std::int64_t>& places, std::int64_t size, int bits) {
  require(bits >= 0 && bits <= most_index_bits, "relative index: {} bits; 0 to {}", bits, most_index_bits);
  const std::int64_t longest = std::int64_t{1} << bits;
  std::vector<Step> steps;
  std::int64_t last = -1;
  auto fill_until = [&](std::int64_t place) {
    require(bits > 0 || place == last + 1, "relative index: with 0 bits nothing can be left out, and place {} is", last + 1);
    for (; place - last > longest; last += longest) steps.push_back({static_cast<std::int32_t>(longest - 1), true});  // (rel.1)
  };
  for (const std::int64_t place : places) {
    require(place > last && place < size, "relative index: place {} after {}; places must rise and lie below {}", place, last, size);
    fill_until(place);
    steps.push_back({static_cast<std::int32_t>(place - last - 1), false});
    last = place;
  }
  fill_until(size);
  return steps;
}

}  // namespace bonsai::prune
