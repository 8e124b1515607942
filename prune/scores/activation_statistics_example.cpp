// By hand: two channels of four positions after ReLU, (0, 0, 0, 8) and (2, 2, 2, 2).
//   1 - APoZ     0.25   1        the first is mostly silent
//   mean         2      2        and yet says as much
//   deviation    √12    0        and the second says the same everywhere: a bias could do that
#include "prune/scores/activation_statistics.h"

#include <doctest/doctest.h>

TEST_CASE("three baselines, three opinions") {
  using namespace bonsai;
  prune::ActivationStatistics a;
  a.add(tensor({0.0, 0.0, 0.0, 8.0, 2.0, 2.0, 2.0, 2.0}, {1, 2, 4}));
  CHECK(a.activity().to_vector<double>() == std::vector{0.25, 1.0});
  CHECK(a.mean().to_vector<double>() == std::vector{2.0, 2.0});
  CHECK(a.mean_size().to_vector<double>() == std::vector{2.0, 2.0});
  CHECK(a.deviation().at(0) == doctest::Approx(std::sqrt(12.0)));
  CHECK(a.deviation().at(1) == 0);
}
