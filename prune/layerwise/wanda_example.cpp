// By hand: two tokens, X = (3 .1 ; 4 0): the first input has norm 5, the second .1.
//
//   W = ( 1 -20 )     |W| ‖X‖ = ( 5  2  )     magnitude would keep -20 in the first row; Wanda keeps 1, which meets the louder input.
//       ( 2   4 )               ( 10 .4 )     Half of each row goes. Among all four scores together, both of the first column would stay too.
//
// What is lost is what the second input said: ‖X (W - W')ᵀ‖² = 2² + .4², of ‖X Wᵀ‖² = 1² + 4² + 6.4² + 8².
#include "prune/layerwise/wanda.h"

#include <doctest/doctest.h>

#include "core/ops.h"
#include "prune/layerwise/hessian.h"

TEST_CASE("Wanda keeps the small weight of a loud input") {
  using namespace bonsai;
  prune::InputStatistics x(2);
  x.add(tensor({3.0, 0.1, 4.0, 0.0}, {2, 2}));
  CHECK(x.norms().at(0) == doctest::Approx(5));
  CHECK(x.norms().at(1) == doctest::Approx(0.1));
  const Tensor w = tensor({1.0, -20.0, 2.0, 4.0}, {2, 2}), s = prune::wanda_scores(w, x.norms());
  for (int i = 0; i < 4; ++i) CHECK(s.at(i) == doctest::Approx(std::vector{5.0, 2.0, 10.0, 0.4}[i]));
  const Tensor keep = prune::keep_by_row("fc1.weight", s, {.sparsity = 0.5});
  CHECK(keep.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 1, 0});
  const double lost = 2 * 2 + 0.4 * 0.4, all = 1 + 16 + 6.4 * 6.4 + 64;
  CHECK(prune::layer_error(w, w * cast(keep, DType::f64), x.second_moments()) == doctest::Approx(lost / all));
}
