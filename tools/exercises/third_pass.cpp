// A file that must be read three times.
// break it, 45 minutes. Chapter: tools/README.md, "How a file larger than memory is pruned".
//
// To find the 2048th smallest of 4096 scores without holding them all, the first pass counts the leading 11
// bits of each score, and the second collects those that share the threshold's 11 bits. There is room for
// 512, an eighth of all. Give 4096 weights, no two of one size, for which they don't fit, so that a third
// pass is needed. The leading 11 bits of a float are its sign, the 8 bits of its exponent, and the first 2 of
// its fraction.
//
// How many passes can it take at most?
#include <algorithm>
#include <atomic>

#include "prune/select_stream.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<float> weights_of_a_file() {
  std::vector<float> w(4096);
  for (int i = 0; i < 4096; ++i) w[i] = std::exp2(static_cast<float>(i) / 64);  // from 1 to 2⁶⁴
  return w;
}

// ---- The case

CASE("three passes or more") {
  const std::vector<float> w = weights_of_a_file();
  must(w.size() == 4096, "{} weights; 4096 are wanted", w.size());
  std::vector<float> size;
  for (float x : w) {
    must(std::isfinite(x), "a weight of {}", x);
    size.push_back(std::abs(x));
  }
  std::vector<float> sorted = size;
  std::ranges::sort(sorted);
  must(std::ranges::adjacent_find(sorted) == sorted.end(), "two weights are of size {}", *std::ranges::adjacent_find(sorted));
  std::atomic<std::int64_t> read = 0;
  prune::select_stream<float>({{"w", 4096, [&](std::int64_t begin, std::int64_t n, float* scores) {
                                  std::copy_n(size.begin() + begin, n, scores);
                                  read += n;
                                }}}, 2048, {.piece = 256, .keys = 512});
  must(read >= 3 * 4096, "it took {} passes", read.load() / 4096);
  note(fmt::format("it took {} passes", read.load() / 4096));
}
