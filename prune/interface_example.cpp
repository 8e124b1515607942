// By hand: w = [[3, -4], [0.1, 5], [-4, 0.2]], pruned three times. Each call works on what the ones before it have left.
//
//   l1_unstructured, 0.5       half of 6: 0.1, 0.2 and 3 go             [[0, -4], [0, 5], [-4, 0]]
//   l1_unstructured, 1         one of the 3: 4 twice, the first goes    [[0, 0], [0, 5], [-4, 0]]
//   ln_structured, 0.5, n 2    half of the 2 rows that live: norms      [[0, 0], [0, 5], [0, 0]]
//                              5 and 4, so the last row goes
//   remove                     dense again, zeros and all
#include <doctest/doctest.h>

#include "prune/interface.h"

TEST_CASE("prunings compose, and an amount is a fraction or a number of what remains") {
  using namespace bonsai;
  nn::Parameter w("fc1.weight", {3, 2}, DType::f64);
  w.set(tensor({3.0, -4.0, 0.1, 5.0, -4.0, 0.2}, {3, 2}));

  prune::l1_unstructured(w, 0.5);
  CHECK(w.leaf().to_vector<double>() == std::vector{0.0, -4.0, 0.0, 5.0, -4.0, 0.0});
  prune::l1_unstructured(w, 1);
  CHECK(w.leaf().to_vector<double>() == std::vector{0.0, 0.0, 0.0, 5.0, -4.0, 0.0});
  prune::ln_structured(w, 0.5, 2, 0);
  CHECK(w.leaf().to_vector<double>() == std::vector{0.0, 0.0, 0.0, 5.0, 0.0, 0.0});

  CHECK(prune::is_pruned(w));
  prune::remove(w);
  CHECK(!prune::is_pruned(w));
  CHECK(w.leaf().to_vector<double>() == std::vector{0.0, 0.0, 0.0, 5.0, 0.0, 0.0});
}
