// hint: Subtract first: the widths of the network that is left are all that counts.
// reference: prune/structure/select_channels.cpp std::int64_t parameters_without(
#include <cstdint>
#include <vector>

std::int64_t parameters_left(const std::vector<std::int64_t>& widths, const std::vector<std::int64_t>& cut) {
  std::vector<std::int64_t> left = widths;
  for (std::size_t h = 0; h < cut.size(); ++h) left[h + 1] -= cut[h];
  std::int64_t n = 0;
  for (std::size_t l = 1; l < left.size(); ++l) n += (left[l - 1] + 1) * left[l];
  return n;
}
