// A batch source that remembers, and a run that is taken up.
// break it, 10 minutes. Chapter: datasets/README.md, "Splits and batches are functions".
//
// Remembering (below) shuffles when an epoch ends, with a generator of its own, as most batch sources do.
// From the start it gives the right batches. Now a run is killed, and the new process asks for iteration
// `from` first. Twelve examples, four at a time: give a `from` for which it sees other examples than the run
// that was not killed.
//
// For which does it see the same ones, and what would have to be saved to make it always so?
#include <numeric>

#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::int64_t from() {
  return 2;
}

// ---- The batch source, and the case

namespace {
class Remembering {
 public:
  explicit Remembering(Random generator) : generator_(generator) {}
  std::vector<std::int64_t> operator()(std::int64_t i) {
    if (i / 3 != epoch_) order_ = generator_.permutation(12).to_vector<std::int64_t>();  // a new epoch: shuffle
    epoch_ = i / 3;
    return {order_.begin() + i % 3 * 4, order_.begin() + i % 3 * 4 + 4};
  }

 private:
  Random generator_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};
std::string listed(const std::vector<std::int64_t>& v) { return text(std::vector<double>(v.begin(), v.end())); }
}  // namespace

CASE("taken up within 1000 iterations") {
  const std::int64_t at = from();
  must(at >= 0 && at < 1000, "iteration {}; 0 to 999 are wanted", at);
  Remembering whole(seeded()), killed(seeded());
  std::vector<std::int64_t> should;
  for (std::int64_t i = 0; i <= at; ++i) should = whole(i);
  const std::vector<std::int64_t> does = killed(at);
  must(does != should, "both runs see {} at iteration {}", listed(should), at);
  note(fmt::format("iteration {}: not killed {}, taken up {}", at, listed(should), listed(does)));
}
