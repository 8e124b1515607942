#include "nn/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace bonsai::nn {

Schedule constant(double rate) {
  require(rate > 0, "schedule: the learning rate must be above 0, got {}", rate);
  return [=](std::int64_t) { return rate; };
}

Schedule steps(double rate, std::vector<std::int64_t> milestones, double factor) {
  require(rate > 0 && factor > 0, "schedule: rate and factor must be above 0, got {} and {}", rate, factor);
  require(std::is_sorted(milestones.begin(), milestones.end()), "schedule: the milestones must rise");
  return [=](std::int64_t i) {
    const auto reached = std::upper_bound(milestones.begin(), milestones.end(), i) - milestones.begin();
    return rate * std::pow(factor, static_cast<double>(reached));
  };
}

Schedule cosine(double rate, std::int64_t total) {
  require(rate > 0 && total > 0, "schedule: rate and total must be above 0, got {} and {}", rate, total);
  return [=](std::int64_t i) {
    const double t = std::min(1.0, static_cast<double>(i) / static_cast<double>(total));
    return 0.5 * rate * (1 + std::cos(std::numbers::pi * t));
  };
}

Schedule warmup(std::int64_t k, Schedule then) {
  require(k >= 0, "schedule: warm-up of {} iterations", k);
  return [=](std::int64_t i) { return i < k ? then(i) * static_cast<double>(i + 1) / static_cast<double>(k) : then(i); };
}

}  // namespace bonsai::nn
