// hint: prune::remove_lowest({{"w", abs(w), mask}}, k)[0] is the mask after the drop. The highest |g| among what is closed are the lowest of -|g| there.
// reference: prune/schedules/dynamic/dynamic.cpp (dyn.2)
#include "prune/schedules/dynamic/dynamic.h"

using namespace bonsai;

Tensor moved_mask(const Tensor& w, const Tensor& g, const Tensor& mask, std::int64_t k) {
  const prune::Move move = prune::drop_and_grow("w", w, mask, abs(g), k);
  return maximum(move.kept, move.grown);
}
