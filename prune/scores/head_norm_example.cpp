// By hand: two heads with d = 1. V = [[3], [0]] (heads·d = 2, in = 1), O = [[4, 5]] (out = 1, heads·d = 2).
//   head 1   √(3² + 4²) = 5        head 2   √(0² + 5²) = 5        a tie, though head 2 reads nothing and so says nothing
// With n = 1: 7 and 5.
#include "prune/scores/head_norm.h"

#include <doctest/doctest.h>

TEST_CASE("a head's norm is that of its value and output weights together") {
  using namespace bonsai;
  const Tensor v = tensor({3.0, 0.0}, {2, 1}), o = tensor({4.0, 5.0}, {1, 2});
  CHECK(prune::head_norm(v, o, 2).to_vector<double>() == std::vector{5.0, 5.0});
  CHECK(prune::head_norm(v, o, 2, 1).to_vector<double>() == std::vector{7.0, 5.0});
}
