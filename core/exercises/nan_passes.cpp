// The comparison that every wrong answer passes.
// break it, 10 minutes. Chapter: tests/README.md, "Habits"; the tests of several well-known libraries.
//
// close_enough() below is how many a test suite compares a result with what it should be, (1, 2, 3): it looks
// for an entry that is further away than the tolerance. So does largest(), which takes the largest difference
// first. Give a result of three entries, not one of them right, that both wave through.
//
// Then: how would you write the condition, so that it can't happen?
#include <algorithm>

#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> a_wrong_result() {
  return {1, 2, 4};
}

// ---- The wrong ones, and the cases

namespace {
const std::vector<double> right{1, 2, 3};

bool close_enough(const std::vector<double>& got, double tolerance) {
  for (std::size_t i = 0; i < right.size(); ++i)
    if (std::abs(got[i] - right[i]) > tolerance) return false;
  return true;
}
bool largest(const std::vector<double>& got, double tolerance) {
  double most = 0;
  for (std::size_t i = 0; i < right.size(); ++i) most = std::max(most, std::abs(got[i] - right[i]));
  return !(most > tolerance);
}

void wrong_everywhere(const std::vector<double>& got) {
  must(got.size() == 3, "{} entries; three are wanted", got.size());
  for (int i = 0; i < 3; ++i) must(!(std::abs(got[i] - right[i]) <= 1e-6), "entry {} is right: {}", i, got[i]);
}
}  // namespace

CASE("no entry is far away") {
  const std::vector<double> got = a_wrong_result();
  must(got.size() == 3 && close_enough(got, 1e-6), "close_enough() sees it");
  wrong_everywhere(got);
  note("close_enough() says yes to " + text(got));
}

CASE("the largest difference is small") {
  const std::vector<double> got = a_wrong_result();
  must(got.size() == 3 && largest(got, 1e-6), "largest() sees it");
  wrong_everywhere(got);
  note("largest() says yes to " + text(got));
}
