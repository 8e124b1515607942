// Three numbers on which > and >= are both wrong.
// break it, 10 minutes. Chapter: tools/README.md, "How a file larger than memory is pruned".
//
// A file of three weights is pruned to a sparsity of 0.5, so two of them go (1.5, to even). One program keeps
// what is > the threshold, another what is >= it; the threshold is the size of the second-smallest. Give
// three weights, none of them 0, on which both remove the wrong number.
//
// prune_checkpoint does it for files that are larger than memory, without seeing all weights at once. How
// does it know how many of the equal ones go?
#include <algorithm>

#include "prune/select_stream.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<float> three_weights() {
  return {1, -2, 3};
}

// ---- The case

CASE("both remove the wrong number") {
  const std::vector<float> w = three_weights();
  must(w.size() == 3, "{} weights; three are wanted", w.size());
  std::vector<float> size;
  for (float x : w) {
    must(std::isfinite(x) && x != 0, "a weight of {}", x);
    size.push_back(std::abs(x));
  }
  std::vector<float> sorted = size;
  std::ranges::sort(sorted);
  const auto above = std::ranges::count_if(size, [&](float x) { return !(x > sorted[1]); }), not_below = std::ranges::count_if(size, [&](float x) { return !(x >= sorted[1]); });
  const auto selection = prune::select_stream<float>({{"w", 3, [&](std::int64_t begin, std::int64_t n, float* scores) { std::copy_n(size.begin() + begin, n, scores); }}}, 2);
  must(above != 2, "> removes {}, as it should; >= removes {}", above, not_below);
  must(not_below != 2, ">= removes {}, as it should; > removes {}", not_below, above);
  note(fmt::format("> removes {}, >= removes {}, and right is {}", above, not_below, selection.removed(0)));
}
