// The cubic ramp: how sparse at step t?
// do it, 10 minutes. Chapter: prune/schedules/README.md, "Gradual pruning".
//
//   s(t) = s_f + (s_i - s_f) (1 - x)³,     x = (t - t0) / (n dt)
//
// s_i before t0, s_f from t0 + n dt on. The schedule's fields are those of Gradual: initial s_i, final s_f,
// start t0, every dt, times n.
//
// Half of the way to 80%: guess s before you run the second case. Why fast at first and slow at the end, and
// not the other way round?
#include "prune/schedules/gradual.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE double sparsity_at(std::int64_t t, const prune::Gradual& schedule) {
  todo();
}

// ---- The cases

namespace {
const prune::Gradual to_80{.initial = 0, .final = 0.8, .start = 1000, .every = 100, .times = 10};
}  // namespace

CASE("at the beginning and at the end") {
  check(sparsity_at(1000, to_80), 0.0, "t0");
  check(sparsity_at(2000, to_80), 0.8, "t0 + n dt");
}

CASE("half way") { check(sparsity_at(1500, to_80), 0.7); }

CASE("long before and long after") {
  check(sparsity_at(0, to_80), 0.0, "t = 0");
  check(sparsity_at(50'000, to_80), 0.8, "t = 50,000");
}

CASE("from 50% to 97%, at random steps, beside the library's") {
  Random r = seeded();
  const prune::Gradual schedule{.initial = 0.5, .final = 0.97, .start = 77, .every = 13, .times = 40};
  for (int i = 0; i < 50; ++i) {
    const auto t = static_cast<std::int64_t>(r.below(800));
    check(sparsity_at(t, schedule), schedule.sparsity(t), fmt::format("t = {}", t));
  }
}
