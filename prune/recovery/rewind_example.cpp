// By hand: initial weights (1, 2, 3) have been trained to (5, 0.1, 4). Magnitude prunes the second; the ticket is (1, 0, 3).
#include <doctest/doctest.h>

#include "prune/recovery/rewind.h"
#include "prune/scores/magnitude.h"
#include "prune/select.h"

TEST_CASE("a ticket keeps the mask of the trained weights and the values of the initial ones") {
  using namespace bonsai;
  nn::Parameter w("w", {3}, DType::f64);
  w.set(tensor({1.0, 2.0, 3.0}));
  const auto initial = prune::snapshot({&w});
  w.set(tensor({5.0, 0.1, 4.0}));  // training
  w.set_mask(prune::remove_lowest({{"w", prune::magnitude(w.leaf()), {}}}, 1)[0]);
  prune::rewind({&w}, initial);
  CHECK(w.leaf().to_vector<double>() == std::vector{1.0, 0.0, 3.0});
  CHECK(w.kept() == 2);
}
