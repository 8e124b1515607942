// By hand: of w = (4, -1, 0, 0, 2) the third and fourth are pruned. The smallest of the others, -1, is dropped; then the second, third and
// fourth compete for its place.
#include <doctest/doctest.h>

#include "prune/schedules/dynamic/dynamic.h"

using namespace bonsai;
using Bytes = std::vector<std::uint8_t>;

TEST_CASE("RigL grows where the gradient is largest, be it where it just dropped") {
  const Tensor w = tensor({4.0, -1.0, 0.0, 0.0, 2.0}), mask = tensor<std::uint8_t>({1, 1, 0, 0, 1});
  const auto grown = [&](std::initializer_list<double> g) {
    const prune::Move move = prune::drop_and_grow("w", w, mask, tensor(g), 1);
    CHECK(move.kept.to_vector<std::uint8_t>() == Bytes{1, 0, 0, 0, 1});
    return move.grown.to_vector<std::uint8_t>();
  };
  CHECK(grown({9, 3, 5, 1, 9}) == Bytes{0, 0, 1, 0, 0});
  CHECK(grown({9, 6, 5, 1, 9}) == Bytes{0, 1, 0, 0, 0});  // back again, but from 0
}

TEST_CASE("fewer and fewer connections move") {
  const prune::Dynamic d{.alpha = 0.3, .every = 100, .end = 1000};
  CHECK(d.drop_fraction(0) == doctest::Approx(0.3));
  CHECK(d.drop_fraction(500) == doctest::Approx(0.15));  // cos(π/2) = 0
  CHECK(d.drop_fraction(1000) == doctest::Approx(0));
  CHECK(d.due(900));
  CHECK(!d.due(950));
  CHECK(!d.due(1000));
}
