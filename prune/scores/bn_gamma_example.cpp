// By hand: γ = (0.5, -2, 0.1) in one layer, (0.3, 1) in the next: |γ| = (0.5, 2, 0.1), (0.3, 1). Of all five two go: 0.1 and 0.3.
#include "prune/scores/bn_gamma.h"

#include <doctest/doctest.h>

#include "prune/select.h"

TEST_CASE("the channels of all layers compete by |gamma|") {
  using namespace bonsai;
  const Tensor a = prune::bn_gamma(tensor({0.5, -2.0, 0.1})), b = prune::bn_gamma(tensor({0.3, 1.0}));
  CHECK(a.to_vector<double>() == std::vector{0.5, 2.0, 0.1});
  const auto masks = prune::remove_lowest({{"bn1", a, {}}, {"bn2", b, {}}}, 2);
  CHECK(masks[0].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 1, 0});
  CHECK(masks[1].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 1});
}
