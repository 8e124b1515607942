// Group lasso's step: a filter leaves whole, and is exactly 0.
// do it, 10 minutes. Chapter: prune/structure/README.md, "Group lasso: structured sparsity learning".
//
// w (out, in), f64; a group is a row. Return w after the proximal step of length η with strength λ:
//
//   w_g ← w_g max(0, 1 - η λ / ‖w_g‖₂)
//
// A row of length 5, 1 and 0.2, and η λ = 1: what becomes of each? Why does descending along the gradient of
// ‖w_g‖ never arrive at 0?
#include "prune/structure/group_lasso.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor after_proximal_step(const Tensor& w, double eta, double lambda) {
  todo();
}

// ---- The cases

CASE("rows of length 5 and 1, η λ = 1: the first loses a fifth, the second everything") {
  check(after_proximal_step(tensor({3.0, -4.0, 0.6, 0.8}, {2, 2}), 0.1, 10), tensor({2.4, -3.2, 0.0, 0.0}, {2, 2}));
}

CASE("a row of zeros stays one") { check(after_proximal_step(tensor({0.0, 0.0, 2.0, 0.0}, {2, 2}), 1, 0.5), tensor({0.0, 0.0, 1.5, 0.0}, {2, 2})); }

CASE("twenty filters, beside the library's, with exact zeros") {
  const Tensor w = seeded().normal({20, 6}, 0, 1, DType::f64);
  Tensor want = clone(w);
  prune::proximal_step(want, {.groups = prune::Groups::filters, .lambda = 0.5}, 4);
  const Tensor got = after_proximal_step(w, 4, 0.5);
  check(got, want);
  for (std::int64_t i = 0; i < want.numel(); ++i) must((got.at(i) == 0) == (want.at(i) == 0), "entry {} is {}; it should be exactly 0 where its row is", i, got.at(i));
}
