// Where the kept weights are: as steps, with fillers.
// do it, 45 minutes. Chapter: prune/compress/README.md, "Relative indices".
//
// places are the indices of the kept weights, rising, of a tensor of `size` entries. Store the way from each
// to the next, from place -1: a step of 1 to 2^bits, whose code is the step less 1. A longer way is broken by
// filler zeros at every 2^bits-th place. The tensor's end counts as one more weight, which is not stored
// itself: what follows the last weight is never longer than 2^bits places either.
//
//   bits 3, places 1, 4, 15, size 16      steps 2, 3, 8 (to a filler at 12), 3      codes 1, 2, 7, 2
//
// At which density does a filler become rarer than a weight, with 3 bits, and with 5?
#include "prune/compress/relative_index.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<prune::Step> steps_to(const std::vector<std::int64_t>& places, std::int64_t size, int bits) {  // Step{code, filler}
  todo();
}

// ---- The cases

namespace {
void beside_library(const std::vector<std::int64_t>& places, std::int64_t size, int bits) {
  auto codes = [](const std::vector<prune::Step>& steps, bool fillers) {
    std::vector<std::int64_t> out;
    for (const prune::Step& s : steps) out.push_back(fillers ? s.filler : s.code);
    return out;
  };
  const auto mine = steps_to(places, size, bits), library = prune::relative_index(places, size, bits);
  check(codes(mine, false), codes(library, false), "codes");
  check(codes(mine, true), codes(library, true), "which are fillers");
}
}  // namespace

CASE("3 bits, places 1, 4, 15") { beside_library({1, 4, 15}, 16, 3); }
CASE("the end: places 0 of 30, 2 bits") { beside_library({0}, 30, 2); }
CASE("a way of exactly 2^bits, and of one more") { beside_library({3, 7, 12}, 13, 2); }
CASE("a tensor of 500 at 6%, with 1 to 5 bits") {
  Random r = seeded();
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < 500; ++i)
    if (r.uniform() < 0.06) places.push_back(i);
  for (int bits = 1; bits <= 5; ++bits) beside_library(places, 500, bits);
}
