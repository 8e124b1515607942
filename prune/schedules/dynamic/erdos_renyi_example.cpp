// By hand: layers (10, 20), (10, 10) and (2, 10) have 320 weights and 30 + 20 + 12 = 62 units' ends. Half of the weights, 160, would be
// ε = 160/62 = 2.58: the last layer would get 31 of its 20. It is dense, and the other 140 are shared by 30 and 20: ε = 2.8, 84 and 56.
#include <doctest/doctest.h>

#include "prune/schedules/dynamic/erdos_renyi.h"

TEST_CASE("Erdős-Rényi: small layers are denser, and dense ones hand on what they cannot take") {
  using namespace bonsai::prune;
  CHECK(erdos_renyi({{10, 20}, {10, 10}, {2, 10}}, 0.5) == std::vector<std::int64_t>{84, 56, 20});
  // LeNet-300-100 at 98%: 1.5%, 4.5% and 36.7%; layer by layer it would be 20 weights for ten classes.
  CHECK(erdos_renyi({{300, 784}, {100, 300}, {10, 100}}, 0.98) == std::vector<std::int64_t>{3621, 1336, 367});
  // A 3x3 convolution from 16 to 32 channels beside a matrix (10, 32), at 90%: 48 and 42 ends and 54 and 42, of 493.
  CHECK(erdos_renyi_densities({{32, 16, 3, 3}, {10, 32}}, 0.9, ErdosRenyi::plain)[0] == doctest::Approx(493.0 * 48 * 9 / (48 * 9 + 42) / 4608));
  CHECK(erdos_renyi_densities({{32, 16, 3, 3}, {10, 32}}, 0.9, ErdosRenyi::kernel)[0] == doctest::Approx(493.0 * 54 / (54 + 42) / 4608));
}
