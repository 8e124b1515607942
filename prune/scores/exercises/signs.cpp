// The product g w, asked three ways: the sign table of SNIP, Taylor and movement.
// do it, 10 minutes. Chapter: prune/scores/README.md, "The product g w, asked three ways".
//
// Four weights with their gradients g = dL/dw:
//
//   w   2    2   -2   -2
//   g   3   -1    1   -3
//
// Write down with a pencil what each score gives the four, higher = keep:
//
//   SNIP      |g w| / Σ|g w|        Taylor   |g w|        movement   -g w, one step, from 0
//
// A gradient step moves w by -η g: which of the four does training pull towards 0, and which two scores
// cannot see it?
#include "prune/scores/movement.h"
#include "prune/scores/snip.h"
#include "prune/scores/taylor.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> snip_by_hand() {
  return {0, 0, 0, 0};
}
EXERCISE std::vector<double> taylor_by_hand() {
  return {0, 0, 0, 0};
}
EXERCISE std::vector<double> movement_by_hand() {
  return {0, 0, 0, 0};
}
EXERCISE std::vector<std::int64_t> pulled_towards_zero() {  // their numbers, 0 to 3, rising
  return {};
}

// ---- The cases: the library's scores

namespace {
const Tensor w = tensor({2.0, 2.0, -2.0, -2.0}), g = tensor({3.0, -1.0, 1.0, -3.0});
}  // namespace

CASE("SNIP") { check(snip_by_hand(), prune::snip({w}, {g})[0].to_vector<double>()); }
CASE("Taylor") { check(taylor_by_hand(), prune::taylor(w, g).to_vector<double>()); }
CASE("movement") { check(movement_by_hand(), prune::movement(zeros_like(w), w, g).to_vector<double>()); }
CASE("which are pulled towards 0") {
  std::vector<std::int64_t> towards;
  for (int i = 0; i < 4; ++i)
    if (std::abs(w.at(i) - 0.01 * g.at(i)) < std::abs(w.at(i))) towards.push_back(i);
  check(pulled_towards_zero(), towards);
}
