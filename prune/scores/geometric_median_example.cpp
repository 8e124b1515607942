// By hand: three filters A (0, 0), B (4, 0), C (2, 2√3), the corners of a triangle with sides of 4: the median is the centre (2, 2/√3), where
// all three pull alike, at a distance of 4/√3 from each. At A, B and C pull with ‖R‖ = √3 > 1: A is not the median.
// Add the centre as a fourth filter, and it is the median itself: there the others' pulls cancel, R = 0.
//
// And is the filter nearest to the median the one with the smallest sum of distances? No. Five filters in the plane:
//   A (1, 2)   B (0, 4)   C (2, 0)   D (3, 0)   E (4, 2)          the median lies at (2.125, 1.172)
//   nearest to it is C, at 1.18; A is at 1.40. But A's sum is 10.30 and C's 10.54: FPGM takes A.
// f rises faster in some directions than in others. What FPGM's argmin is, always: of all filters, the one that costs the least more than
// the median, 10.30 against 9.63.
#include "prune/scores/geometric_median.h"

#include <doctest/doctest.h>

#include <cmath>

#include "prune/scores/fpgm.h"

TEST_CASE("the median of a triangle's corners is where all pull alike") {
  using namespace bonsai;
  const double h = 2 * std::sqrt(3.0);
  const auto m = prune::geometric_median(tensor({0.0, 0.0, 4.0, 0.0, 2.0, h}, {3, 2}));
  CHECK(m.converged);
  CHECK(m.x.at(0) == doctest::Approx(2));
  CHECK(m.x.at(1) == doctest::Approx(h / 3));
  CHECK(m.sum == doctest::Approx(3 * 4 / std::sqrt(3.0)));

  const auto with_centre = prune::geometric_median(tensor({0.0, 0.0, 4.0, 0.0, 2.0, h, 2.0, h / 3}, {4, 2}));
  CHECK(with_centre.steps == 0);
  CHECK(with_centre.x.to_vector<double>() == std::vector{2.0, h / 3});
}

TEST_CASE("the filter nearest to the median need not be FPGM's") {
  using namespace bonsai;
  const Tensor w = tensor({1.0, 2.0, 0.0, 4.0, 2.0, 0.0, 3.0, 0.0, 4.0, 2.0}, {5, 2}), s = prune::fpgm(w);
  const auto m = prune::geometric_median(w);
  CHECK(m.converged);
  auto distance = [&](int i) { return std::hypot(w.at(2 * i) - m.x.at(0), w.at(2 * i + 1) - m.x.at(1)); };
  CHECK(distance(2) == doctest::Approx(1.179).epsilon(1e-3));
  CHECK(distance(0) == doctest::Approx(1.397).epsilon(1e-3));
  CHECK(s.at(0) == doctest::Approx(10.3006).epsilon(1e-4));
  CHECK(s.at(2) == doctest::Approx(10.5366).epsilon(1e-4));
  CHECK(m.sum < s.at(0));
}
