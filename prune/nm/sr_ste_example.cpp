// One step of SR-STE by hand: w = (4, 3, 2, 1), 2:4, gradient (1, 1, 1, 1), λ = 0.1. The mask keeps 4 and 3; the other two are drawn towards 0 besides.
#include <doctest/doctest.h>

#include "prune/nm/sr_ste.h"

using namespace bonsai;
using namespace bonsai::prune;

TEST_CASE("SR-STE adds lambda w to the gradient of what is left out") {
  nn::Parameter w("w", {1, 4}, DType::f64);
  w.set(tensor({4., 3., 2., 1.}, {1, 4}));
  SrSte training({&w}, {2, 4}, 0.1);
  training.before_step(0);
  CHECK(w.value().to_vector<double>() == std::vector<double>{4, 3, 0, 0});
  backward(sum(w.value()));  // straight through: a gradient of 1 for every weight
  training.after_backward(0);
  CHECK(w.gradient().to_vector<double>() == std::vector<double>{1, 1, 1.2, 1.1});
  training.finish();
  CHECK(w.mask().to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 1, 0, 0});
}
