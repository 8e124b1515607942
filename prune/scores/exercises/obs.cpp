// One deletion of Optimal Brain Surgeon.
// do it, 10 minutes. Chapter: prune/scores/README.md, "OBS: and let the others make up for it".
//
// w (n) at a minimum and the inverse Hessian (n, n), both f64. Weight q is deleted, and all others move to
// make up for it:
//
//   δw = -(w_q / [H⁻¹]_qq) H⁻¹ e_q          s_q = w_q² / (2 [H⁻¹]_qq)
//
// Return the change δw (n), and the cost s_q.
//
// What is δw_q, and why must it be that? On the blackboard OBD deletes w3 for 8. Which weight goes here, and
// for how much?
#include "prune/scores/obs/obs.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor change_without(std::int64_t q, const Tensor& w, const Tensor& inverse) {
  todo();
}

EXERCISE double cost_without(std::int64_t q, const Tensor& w, const Tensor& inverse) {
  todo();
}

// ---- The cases

namespace {
const std::vector<double> blackboard{5, 2, 0, 2, 1, 0, 0, 0, 1};  // H⁻¹ of H = [[1,-2,0],[-2,5,0],[0,0,1]]
Tensor random_inverse(Random& r, std::int64_t n) {
  const Tensor a = r.normal({n, n}, 0, 1, DType::f64);
  return matmul(a, a, {.b = true}) + eye(n);
}
}  // namespace

CASE("the blackboard: without the largest weight (0, 1, 4) is left, for 2.5") {
  const Tensor w = tensor({5.0, 3.0, 4.0}), inverse = tensor(std::span<const double>(blackboard), {3, 3});
  check(w + change_without(0, w, inverse), tensor({0.0, 1.0, 4.0}), "w + δw");
  check(cost_without(0, w, inverse), 2.5, "the cost");
}

CASE("the costs of all three: (2.5, 4.5, 8)") {
  const Tensor w = tensor({5.0, 3.0, 4.0}), inverse = tensor(std::span<const double>(blackboard), {3, 3});
  check(std::vector{cost_without(0, w, inverse), cost_without(1, w, inverse), cost_without(2, w, inverse)}, std::vector{2.5, 4.5, 8.0});
}

CASE("twelve random weights, beside the library's") {
  Random r = seeded();
  const Tensor w = r.normal({12}, 0, 1, DType::f64), inverse = random_inverse(r, 12);
  for (std::int64_t q : {0, 5, 11}) {
    check(change_without(q, w, inverse), prune::obs_change(w, inverse, q), fmt::format("δw without {}", q));
    check(cost_without(q, w, inverse), prune::obs_scores(w, inverse).at(q), fmt::format("the cost of {}", q));
  }
}
