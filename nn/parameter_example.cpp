// By hand: a hard mask. Weights (2, -3, 5) with the second pruned, loss f = (w1² + w2² + w3²)/2, whose gradient is w itself.
//
//   value      (2, 0, 5)     the pruned weight is 0 in the slot itself, so nothing has to be multiplied
//   gradient   (2, 0, 5)     and it has no gradient
//   set(7, 8, 9) -> (7, 0, 9): rewinding and loading cannot bring it back
#include <doctest/doctest.h>

#include "nn/parameter.h"

TEST_CASE("a pruned weight is 0 and has no gradient") {
  using namespace bonsai;
  nn::Parameter w("w", {3}, DType::f64);
  w.set(tensor({2.0, -3.0, 5.0}));
  w.set_mask(tensor<std::uint8_t>({1, 0, 1}));
  CHECK(w.kept() == 2);
  CHECK(w.value().to_vector<double>() == std::vector{2.0, 0.0, 5.0});

  backward(0.5 * sum(w.value() * w.value()));
  CHECK(w.gradient().to_vector<double>() == std::vector{2.0, 0.0, 5.0});

  w.set(tensor({7.0, 8.0, 9.0}));
  CHECK(w.leaf().to_vector<double>() == std::vector{7.0, 0.0, 9.0});
}
