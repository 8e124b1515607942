// Learning-rate schedules: pure functions from the iteration (0, 1, ...) to the rate.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace bonsai::nn {

using Schedule = std::function<double(std::int64_t iteration)>;

Schedule constant(double rate);
// rate · factorᵏ, where k milestones have been reached.
Schedule steps(double rate, std::vector<std::int64_t> milestones, double factor = 0.1);
// Half a cosine from rate down to 0 at iteration `total` (Loshchilov and Hutter, "SGDR", ICLR 2017).
Schedule cosine(double rate, std::int64_t total);
// Linear warm-up: then(i) (i+1)/k during the first k iterations, then(i) after them.
Schedule warmup(std::int64_t k, Schedule then);

}  // namespace bonsai::nn
