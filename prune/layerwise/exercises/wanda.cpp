// Wanda: a weight matters as far as what it multiplies is large.
// do it, 10 minutes. Chapter: prune/layerwise/README.md, "Wanda: weights and activations".
//
// w (out, in) and the layer's inputs x (tokens, in), f64. Return the mask (u8) that removes, in each row by
// itself, the fraction `sparsity` with the lowest
//
//   s_ij = |w_ij| ‖x_:,j‖₂
//
// prune::count(sparsity, in) says how many that is; of equal scores the lowest index goes first.
//
// No squares, no labels, no gradient. Which input's column goes as a whole?
#include "prune/layerwise/hessian.h"
#include "prune/layerwise/wanda.h"
#include "prune/select.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor wanda_mask(const Tensor& w, const Tensor& x, double sparsity) {
  todo();
}

// ---- The cases

CASE("a large weight of a silent input goes, a small one of a loud input stays") {
  const Tensor w = tensor({-20.0, 1.0}, {1, 2}), x = tensor({0.01, 3.0, 0.0, 4.0}, {2, 2});
  check(wanda_mask(w, x, 0.5), tensor<std::uint8_t>({0, 1}, {1, 2}));
}

CASE("each row by itself: the row of small weights keeps as many as the other") {
  const Tensor w = tensor({0.1, 0.2, 0.3, 0.4, 5.0, 8.0, 7.0, 6.0}, {2, 4});
  check(wanda_mask(w, ones({3, 4}, DType::f64), 0.5), tensor<std::uint8_t>({0, 0, 1, 1, 0, 1, 1, 0}, {2, 4}));
}

CASE("12 x 20, 64 tokens, 60%, beside the library's") {
  Random r = seeded();
  const Tensor w = r.normal({12, 20}, 0, 1, DType::f64), x = r.normal({64, 20}, 0, 1, DType::f64) * r.uniform({20}, 0, 3, DType::f64);
  prune::InputStatistics inputs(20, false);
  inputs.add(x);
  check(wanda_mask(w, x, 0.6), prune::keep_by_row("w", prune::wanda_scores(w, inputs.norms()), {.sparsity = 0.6}));
}
