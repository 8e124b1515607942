// By hand: w = (5, 3, 4), the blackboard's weights. Magnitude says that the second matters least.
#include <doctest/doctest.h>

#include "prune/scores/magnitude.h"
#include "prune/select.h"

TEST_CASE("magnitude deletes the smallest weight, whatever its sign") {
  using namespace bonsai;
  const Tensor w = tensor({5.0, -3.0, 4.0});
  CHECK(prune::magnitude(w).to_vector<double>() == std::vector{5.0, 3.0, 4.0});
  const auto masks = prune::remove_lowest({{"w", prune::magnitude(w), {}}}, 1);
  CHECK(masks[0].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 1});
}
