// By hand: w = (5, 3, 4), the blackboard's weights. Magnitude says that the second matters least.
#include <doctest/doctest.h>

#include <cmath>

#include "prune/scores/magnitude.h"
#include "prune/select.h"

TEST_CASE("magnitude deletes the smallest weight, whatever its sign") {
  using namespace bonsai;
  const Tensor w = tensor({5.0, -3.0, 4.0});
  CHECK(prune::magnitude(w).to_vector<double>() == std::vector{5.0, 3.0, 4.0});
  const auto masks = prune::remove_lowest({{"w", prune::magnitude(w), {}}}, 1);
  CHECK(masks[0].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 1});
}

// Two layers, (1, -1, 3, -3) and (10, -10, 30, -30): deviations √5 and 10√5. Global magnitude takes the first layer's four weights before
// any of the second; in deviations both layers look alike, and each loses its two small ones.
TEST_CASE("magnitude in deviations compares layers of different scale") {
  using namespace bonsai;
  const Tensor a = tensor({1.0, -1.0, 3.0, -3.0}), b = a * 10.0;
  CHECK(prune::magnitude_in_deviations(a).at(0) == doctest::Approx(1 / std::sqrt(5.0)));
  const auto plain = prune::remove_lowest({{"a", prune::magnitude(a), {}}, {"b", prune::magnitude(b), {}}}, 4);
  CHECK(plain[0].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 0, 0, 0});
  const auto scaled = prune::remove_lowest({{"a", prune::magnitude_in_deviations(a), {}}, {"b", prune::magnitude_in_deviations(b), {}}}, 4);
  for (const Tensor& mask : scaled) CHECK(mask.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 0, 1, 1});
  // Han's threshold with quality 1: below σ = √5 = 2.24 it goes.
  CHECK(prune::remove_below({"a", prune::magnitude(a), {}}, std::sqrt(5.0)).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 0, 1, 1});
}
