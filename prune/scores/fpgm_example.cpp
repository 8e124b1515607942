// By hand: five filters of two weights, in the plane:  A (3, 0)   B (3, 4)   C (0, 4)   D (3, 1)   E (-3, 0)
//
//   distances  AB 4  AC 5  AD 1  AE 6    BC 3  BD 3  BE √52    CD √18  CE 5    DE √37
//   s          A 16    B 17.21    C 17.24    D 14.33    E 24.29
//
// The smallest filters are A and E, of norm 3. FPGM takes D instead, whose place A nearly fills, and would keep E longest: E is -A, the
// opposite, and nobody else says that. On |w| or w² A and E would be twins.
// The mix of 20% by norm and 20% by distance takes A (of equal norms the first), and then, among B C D E, whoever is in their middle:
// B 3 + 3 + 7.21 = 13.21, C 12.24, D 13.33, E 18.29: it is C.
#include "prune/scores/fpgm.h"

#include <doctest/doctest.h>

#include "prune/scores/fpgm_mix.h"

TEST_CASE("FPGM takes the filter in the middle, and knows w from -w") {
  using namespace bonsai;
  const Tensor w = tensor({3.0, 0.0, 3.0, 4.0, 0.0, 4.0, 3.0, 1.0, -3.0, 0.0}, {5, 2});
  const Tensor s = prune::fpgm(w);
  const double bd = 3, cd = std::sqrt(18.0), de = std::sqrt(37.0), be = std::sqrt(52.0);
  const double want[] = {4 + 5 + 1 + 6, 4 + 3 + bd + be, 5 + 3 + cd + 5, 1 + bd + cd + de, 6 + be + 5 + de};
  for (int i = 0; i < 5; ++i) CHECK(s.at(i) == doctest::Approx(want[i]));

  const auto masks = prune::remove_lowest({{"filters", s, {}}}, 1);
  CHECK(masks[0].to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 1, 1, 0, 1});
  CHECK(prune::fpgm_mix(w, {.by_norm = 0.2, .by_distance = 0.2}).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 1, 0, 1, 1});
}
