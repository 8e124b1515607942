// hint: A loop. The rounding happens in every round, so a power of 0.8 is not enough.
// reference: prune/schedules/iterative.h (it.1)
#include "prune/schedules/iterative.h"

std::int64_t left_after(std::int64_t n, double rate, int rounds) { return bonsai::prune::kept_after(n, rate, rounds); }
