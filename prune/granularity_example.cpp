// By hand: |w| of a weight (2, 4) is [[1, 2, 3, 4], [4, 3, 2, 2]].
//
//   filters          (10, 11)        the first row goes first
//   input channels   (5, 5, 5, 6)    a tie: the first column goes first
//   blocks 1 x 2     (3, 7, 7, 4)    the block in the upper left corner
//   weights          the 1
#include <doctest/doctest.h>

#include "prune/granularity.h"
#include "prune/select.h"

TEST_CASE("what goes as one decides what goes") {
  using namespace bonsai;
  using namespace bonsai::prune;
  const Tensor scores = tensor({1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 2.0}, {2, 4});
  auto mask = [&](const Grouping& g) {
    const Tensor kept = remove_lowest({{"w", pooled(g, scores), {}}}, 1)[0];
    return spread(g, kept, scores.shape()).to_vector<std::uint8_t>();
  };
  using Mask = std::vector<std::uint8_t>;
  CHECK(pooled({Granularity::filter}, scores).to_vector<double>() == std::vector{10.0, 11.0});
  CHECK(mask({Granularity::filter}) == Mask{0, 0, 0, 0, 1, 1, 1, 1});
  CHECK(mask({Granularity::input_channel}) == Mask{0, 1, 1, 1, 0, 1, 1, 1});
  CHECK(mask({Granularity::block, 1, 2}) == Mask{0, 0, 1, 1, 1, 1, 1, 1});
  CHECK(mask({}) == Mask{0, 1, 1, 1, 1, 1, 1, 1});
}
