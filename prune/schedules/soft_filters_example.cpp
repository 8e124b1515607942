// By hand: three filters (3, 4), (0, 1), (2, 0) of norms 5, 1, 2; a third goes at the end of every second step, by the norm. The gradient is
// (0, -1) for the second filter and (1, 0) for the third, the rate 1.
//
//   step 0   (0, 2), (1, 0)
//   step 1   (0, 3), (0, 0)      norms 5, 3, 0: the third goes, as it stands
//   step 2   (0, 4), (-1, 0)     it trains on
//   step 3   (0, 5), (-2, 0)     norms 5, 5, 2: the third goes again, to (0, 0)
//
// Had the third's gradient turned to (-6, 0) after step 1, it would have come back: (6, 0), (12, 0), and of the norms 5, 5, 12 one of the others would go:
// of the two equal ones the first.
#include "prune/schedules/soft_filters.h"

#include <doctest/doctest.h>

#include "core/ops.h"

TEST_CASE("a filter that was set to 0 trains on, and goes again or comes back") {
  using namespace bonsai;
  for (const bool turns : {false, true}) {
    nn::Parameter w("w", {3, 2}, DType::f64);
    w.set(tensor({3.0, 4.0, 0.0, 1.0, 2.0, 0.0}, {3, 2}));
    prune::SoftFilters soft({&w}, prune::keep_by_l2(1.0 / 3), 2, 4);
    auto step = [&](std::int64_t t) {
      const double third = turns && t >= 2 ? -6 : 1;
      copy_into(w.leaf(), w.leaf().detach() - tensor({0.0, 0.0, 0.0, -1.0, third, 0.0}, {3, 2}));
      soft.after_update(t, 1);
    };
    step(0), step(1);
    CHECK(w.leaf().to_vector<double>() == std::vector<double>{3, 4, 0, 3, 0, 0});
    step(2), step(3);
    soft.finish();
    CHECK(w.leaf().to_vector<double>() == (turns ? std::vector<double>{0, 0, 0, 5, 12, 0} : std::vector<double>{3, 4, 0, 5, 0, 0}));
    CHECK(w.kept() == 4);
  }
}
