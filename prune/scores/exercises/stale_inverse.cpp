// The inverse Hessian gone stale.
// break it, 10 minutes. Chapter: prune/scores/README.md, "OBS: and let the others make up for it".
//
// Weight 0 is deleted by OBS, then weight 1, both times with the same H⁻¹: nobody has told it that weight 0
// is gone. Give a symmetric, positive definite H (3, 3), row by row, for which weight 0 is alive again
// afterwards. w is (1, 2, 3).
//
// What does the second step believe about weight 0? And what does bringing the inverse up to date cost,
// beside a new one?
#include "core/cholesky.h"
#include "prune/scores/obs/greedy.h"
#include "prune/scores/obs/inverse.h"
#include "prune/scores/obs/obs.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> a_hessian() {
  return {1, 0, 0,
          0, 1, 0,
          0, 0, 1};
}

// ---- The case

CASE("weight 0 comes back") {
  const std::vector<double> rows = a_hessian();
  must(rows.size() == 9, "{} numbers; 3 x 3 are wanted", rows.size());
  const Tensor h = tensor(std::span<const double>(rows), {3, 3}), w = tensor({1.0, 2.0, 3.0});
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < i; ++j) must(h.at(3 * i + j) == h.at(3 * j + i), "it is not symmetric: H({}, {}) is {}, H({}, {}) is {}", i, j, h.at(3 * i + j), j, i, h.at(3 * j + i));
  must(cholesky(h).has_value(), "it is not positive definite");
  const Tensor inverse = prune::damped_inverse(h).inverse;

  Tensor stale = w + prune::obs_change(w, inverse, 0);
  stale = stale + prune::obs_change(stale, inverse, 1);
  prune::Surgeon surgeon(w, inverse);
  surgeon.remove(0);
  surgeon.remove(1);
  must(std::abs(stale.at(0)) >= 0.01, "weight 0 is {:.3g} after both deletions; it stayed away", stale.at(0));
  note(fmt::format("stale {}, up to date {}", text(stale), text(surgeon.weights())));
}
