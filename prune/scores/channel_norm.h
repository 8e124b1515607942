// Channel norm: a channel whose weights are all small can go whole. A channel is what has one index along one axis of the tensor: along
// axis 0 of a weight (out, in) or (out, in, height, width) a neuron or filter with its incoming weights, along axis 1 what reads one input.
//
//   s_c = (Σ |w|ⁿ)^{1/n}   over the entries of channel c          higher = keep
//
//   n = 1 and 2 are the usual ones; infinity: the largest |w|; -infinity: the smallest; 0: how many are not 0; any other n as it stands.
//
// Assumes that every weight's change matters alike, and channels of one size: all of one tensor have it. Computed in f64, in index order.
// Cost: one pass. Li et al., "Pruning filters for efficient ConvNets", ICLR 2017 (n = 1, axis 0).
#pragma once
#include <cmath>
#include <limits>
#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

// The n-norm of non-negative numbers. They are divided by the largest first (for n < 0 by the smallest), so that no power leaves a double's
// range; for n = 1 and 2 by a power of two near it, which is exact: equal norms of small whole numbers are then equal to the last bit, and tie.
inline double norm(const std::vector<double>& x, double n) {
  double extreme = n > 0 ? 0 : std::numeric_limits<double>::infinity(), total = 0;
  for (double v : x) {
    if (std::isnan(v)) return v;
    extreme = n > 0 ? std::max(extreme, v) : std::min(extreme, v);
    total += v != 0;
  }
  if (n == 0) return total;
  if (std::isinf(n) || extreme == 0 || std::isinf(extreme)) return extreme;
  const bool exact = n == 1 || n == 2;
  const double unit = exact ? std::exp2(std::ilogb(extreme)) : extreme;
  total = 0;
  for (double v : x) total += n == 1 ? v / unit : n == 2 ? (v / unit) * (v / unit) : std::pow(v / unit, n);
  const double s = unit * (n == 1 ? total : n == 2 ? std::sqrt(total) : std::pow(total, 1 / n));  // (norm.1)
  require(s > 0 && std::isfinite(s), "channel norm: with n = {} the norm of a channel leaves a double's range; take an n further from 0", n);
  return s;
}

// w of two axes or more -> (channels) f64; a channel with a NaN in it has the norm NaN.
inline Tensor channel_norm(const Tensor& w, double n, int axis) {
  require(!std::isnan(n), "channel norm: n is NaN; it must be a number or an infinity");
  axis = normalize_axis("channel norm", axis, w.rank());
  const std::int64_t channels = w.size(axis), step = contiguous_strides(w.shape())[axis];
  const Tensor sizes = cast(abs(w.detach()), DType::f64);
  Tensor norms = empty({channels}, DType::f64);
  for (std::int64_t c = 0; c < channels; ++c) {
    std::vector<double> channel;
    for (std::int64_t i = c * step; i < w.numel(); i += channels * step)  // runs of `step` neighbours
      channel.insert(channel.end(), &sizes.data<double>()[i], &sizes.data<double>()[i] + step);
    norms.mutable_data<double>()[c] = norm(channel, n);
  }
  return norms;
}

}  // namespace bonsai::prune
