// What scores of channels read: activations (n, channels, ...), seen as n examples x channels x positions, in f64. A fully connected layer's
// (n, units) have one position, a picture's (n, channels, height, width) have height · width, attention's (n, heads, t, d) t · d.
#pragma once
#include <cmath>
#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

struct Activations {
  std::int64_t n, channels, positions;
  Tensor values;  // f64, outside the graph
  const double* of(std::int64_t example, std::int64_t channel) const {
    return values.data<double>().data() + (example * channels + channel) * positions;
  }
};

// Throws, naming `who` and `what`, when x has no channels axis, when it is not of as many channels as before (`channels`; -1: none were seen
// yet), and when a number is not finite: a NaN counts as neither zero nor large, and one would reach every score in silence.
inline Activations activations(const char* who, const char* what, const Tensor& x, std::int64_t channels = -1) {
  require(x.defined(), "{}: the {} are undefined; was there a backward pass, and was the tensor kept?", who, what);
  require(x.rank() >= 2 && is_floating(x.dtype()), "{}: the {} must be (n, channels, ...) of real numbers, got {} {}", who, what, name(x.dtype()), x.shape());
  require(channels < 0 || x.size(1) == channels, "{}: the {} {} have {} channels, those before had {}; a new layer wants a new accumulator", who, what,
          x.shape(), x.size(1), channels);
  const std::int64_t n = x.size(0), c = x.size(1), per_example = contiguous_strides(x.shape())[0];
  const std::int64_t positions = c == 0 ? 1 : per_example / c;
  require(positions > 0, "{}: the {} {} have no position to look at; the picture is empty", who, what, x.shape());
  const Activations all{n, c, positions, cast(x.detach(), DType::f64)};
  const auto values = all.values.data<double>();
  for (std::size_t i = 0; i < values.size(); ++i)
    require(std::isfinite(values[i]), "{}: the {} {} have {} in channel {} of example {}; the network has diverged", who, what, x.shape(), values[i],
            static_cast<std::int64_t>(i) / positions % c, static_cast<std::int64_t>(i) / per_example);
  return all;
}

}  // namespace bonsai::prune
