// hint: std::clamp(x, 0.0, 1.0), and doubles: t - t0 and n dt are whole numbers, and so would their quotient be.
// reference: prune/schedules/gradual.h (gmp.1)
#include "prune/schedules/gradual.h"

double sparsity_at(std::int64_t t, const bonsai::prune::Gradual& schedule) { return schedule.sparsity(t); }
