// RigL's move: drop the weakest connections, grow where the loss asks for some.
// do it, 45 minutes. Chapter: prune/schedules/README.md, "Dynamic sparse training: SET and RigL".
//
// One layer: weights w and dense gradients g (f64), mask (u8), all of one shape; k connections move:
//
//   drop   the k kept weights with the smallest |w|
//   grow   of those that are not kept then, the just dropped among them, the k with the largest |g|
//
// Ties: the lowest index is dropped, and grown, first. Return the new mask.
//
// How many does it keep? Whose gradient is needed that the layer has no weight for, and at what cost can one
// have it?
#include "prune/schedules/dynamic/dynamic.h"
#include "prune/select.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor moved_mask(const Tensor& w, const Tensor& g, const Tensor& mask, std::int64_t k) {
  todo();
}

// ---- The cases

CASE("(4, -1, ·, ·, 2) drops -1 and grows the third, whose gradient is largest") {
  const Tensor w = tensor({4.0, -1.0, 0.0, 0.0, 2.0}), g = tensor({9.0, 3.0, -5.0, 1.0, 9.0}), mask = tensor<std::uint8_t>({1, 1, 0, 0, 1});
  check(moved_mask(w, g, mask, 1), tensor<std::uint8_t>({1, 0, 1, 0, 1}));
}

CASE("what was just dropped competes for its place") {
  const Tensor w = tensor({4.0, -1.0, 0.0, 0.0, 2.0}), g = tensor({9.0, 6.0, 5.0, 1.0, 9.0}), mask = tensor<std::uint8_t>({1, 1, 0, 0, 1});
  check(moved_mask(w, g, mask, 1), mask);
}

CASE("a layer of 200, k = 17, beside the library's") {
  Random r = seeded();
  const Tensor mask = cast(r.bernoulli({10, 20}, 0.3, DType::f64), DType::u8);
  const Tensor w = r.normal({10, 20}, 0, 1, DType::f64) * cast(mask, DType::f64), g = r.normal({10, 20}, 0, 1, DType::f64);
  const prune::Move move = prune::drop_and_grow("w", w, mask, abs(g), 17);
  check(moved_mask(w, g, mask, 17), maximum(move.kept, move.grown));
}
