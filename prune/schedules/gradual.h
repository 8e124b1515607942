// Gradual pruning: how sparse at which step. Fast at first, when there is much to spare, and slow at the end.
//
//   cubic        ρ(t) = ρ_f + (ρ_i - ρ_f) (1 - (t - t0) / (n dt))³      Zhu and Gupta, "To prune, or not to prune", 2017
//   linear       ρ(t) = ρ_i + (ρ_f - ρ_i) (t - t0) / (n dt)
//   exponential  density 1 - ρ(t) falls by a constant factor a step:    1 - ρ = (1 - ρ_i)^(1-x) (1 - ρ_f)^x,  x = (t - t0) / (n dt)
//
// Before t0 it is ρ_i, from t0 + n dt on ρ_f, and the masks change only at t0, t0 + dt, ..., t0 + n dt; after that they are frozen.
// gradual_pruning.h prunes by it.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"

namespace bonsai::prune {

enum class Ramp { cubic, linear, exponential };

struct Gradual {
  double initial = 0, final = 0.9;           // sparsities
  std::int64_t start = 0, every = 100, times = 10;  // t0, dt, n
  Ramp ramp = Ramp::cubic;

  bool due(std::int64_t t) const { return t >= start && t <= start + every * times && (t - start) % every == 0; }

  double sparsity(std::int64_t t) const {
    require(initial >= 0 && initial <= final && final < 1, "gradual: the sparsity cannot go from {} to {}; it starts at 0 or more, does not fall, and ends below 1",
            initial, final);
    require(every > 0 && times > 0, "gradual: {} updates every {} steps", times, every);
    const double x = std::clamp(static_cast<double>(t - start) / static_cast<double>(times * every), 0.0, 1.0);
    if (x == 0 || x == 1) return x == 0 ? initial : final;  // to the last bit
    switch (ramp) {
      case Ramp::cubic: return final + (initial - final) * std::pow(1 - x, 3);                         // (gmp.1)
      case Ramp::linear: return initial + (final - initial) * x;                                       // (gmp.2)
      case Ramp::exponential: return 1 - std::pow(1 - initial, 1 - x) * std::pow(1 - final, x);        // (gmp.3)
    }
    __builtin_unreachable();
  }
};

}  // namespace bonsai::prune
