// By hand: the blackboard's H and w. The diagonal is (1, 5, 1), so s = (25, 5·9, 16)/2 = (12.5, 22.5, 8): OBD deletes the third for
// 8. Deleting the second, as magnitude would, costs 22.5.
#include <doctest/doctest.h>

#include "prune/scores/obd.h"

TEST_CASE("OBD weighs each weight by its own curvature") {
  using namespace bonsai;
  const Tensor w = tensor({5.0, 3.0, 4.0}), diagonal = tensor({1.0, 5.0, 1.0});
  CHECK(prune::obd(w, diagonal).to_vector<double>() == std::vector{12.5, 22.5, 8.0});
}
