// The wall that a single look half way does not see.
// break it, 10 minutes. Chapter: prune/recovery/README.md, "Linear mode connectivity".
//
// Two trainings of one network, and the error (percent) at evenly spaced places on the straight line between
// them, both ends included. Linear mode connectivity asks for
//
//   instability = the highest error - the mean of the two ends
//
// and calls up to 2 points stable. A hurried reader measures in the middle only: error half way - mean of the
// ends. Give an odd number of errors, 3 to 31, for which half way says there is no wall at all (0 or less),
// and yet there is one of 10 points.
//
// Can the instability of a line without a wall be other than 0?
#include "prune/recovery/linear_path.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> errors_on_the_line() {
  return {2, 10, 20, 10, 2};
}

// ---- The case

CASE("no wall half way, and a wall of 10 points") {
  const std::vector<double> e = errors_on_the_line();
  must(e.size() >= 3 && e.size() <= 31 && e.size() % 2 == 1, "{} errors; an odd number from 3 to 31 is wanted", e.size());
  for (double x : e) must(x >= 0 && x <= 100, "an error of {} percent", x);
  const double half_way = e[e.size() / 2] - (e.front() + e.back()) / 2, truth = prune::instability(e);
  must(half_way <= 0, "half way sees a wall of {:.3g} points", half_way);
  must(truth >= 10, "the instability is {:.3g} points only", truth);
  note(fmt::format("half way {:.3g} points, the instability {:.3g}", half_way, truth));
}
