// At most two of every four is not two of every four.
// break it, 10 minutes. Chapter: prune/nm/README.md, "N:M masks"; core/sparse24/FORMAT.md.
//
// A checkpoint is said to be 2:4. A tool counts, group by group, how many weights are not 0, and says yes
// when no group has more than two. Give a mask of one row of eight (0 or 1) with two weights or more, to
// which that tool says yes and which nevertheless is not packed as 2:4.
//
// What would have to be stored, so that the hardware can take it, and what does the house do with it?
#include "core/sparse.h"
#include "prune/nm/nm.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<std::uint8_t> row_of_eight() {
  return {1, 0, 1, 0, 0, 1, 1, 0};
}

// ---- The case

CASE("the tool says yes, and the format no") {
  const std::vector<std::uint8_t> row = row_of_eight();
  must(row.size() == 8, "{} entries; eight are wanted", row.size());
  int kept = 0;
  for (std::uint8_t m : row) {
    must(m <= 1, "an entry of {}; 0 and 1 are wanted", m);
    kept += m;
  }
  must(kept >= 2, "it keeps {} only", kept);
  const Tensor mask = tensor(std::span<const std::uint8_t>(row), {1, 8});
  must(prune::nm_conformity(mask, {2, 4}) == 1, "the tool says no: a group has more than two");
  const PatternRef pattern = pattern_of(mask);
  must(!pattern->two_of_four(), "it is packed as 2:4, with {} bytes of positions", pattern->positions().size());
  note(fmt::format("{} weights, packed as a general pattern of {} bytes", kept, pattern->bytes()));
}
