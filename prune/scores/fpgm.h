// FPGM, filter pruning via geometric median: the filter that goes first is not the smallest one but the most replaceable one, whose weights
// lie in the middle of all the others'. What it says, the others nearly say.
//
//   s_i = Σ_j ‖W_i - W_j‖₂   over the filters of one weight (out, ...)                higher = keep
//
// The geometric median is the point x anywhere in space with the smallest Σ_j ‖x - W_j‖; s is that sum at the filters themselves, so no median
// has to be found (geometric_median.h finds it, and shows what the short cut leaves out). Signs count: w and -w lie far apart, two filters
// that say opposite things. Distances between |w| or w² would call them twins.
// Assumes filters of one layer, which are compared as they are: of two filters in one direction, one twice as long, neither is in the way.
// Computed in f64, each distance once, in index order. Cost: n² d / 2 multiply-adds for n filters of d weights.
// He et al., "Filter pruning via geometric median for deep convolutional neural networks acceleration", CVPR 2019.
#pragma once
#include <cmath>

#include "core/ops.h"

namespace bonsai::prune {

// w (out, ...) of two axes or more -> (out) f64. alive (u8, out; undefined: all): the sums run over the filters that are still there. A dead
// one scores 0, which says nothing (a filter all of whose neighbours are its copies scores 0 too): hand select.h the same mask.
inline Tensor fpgm(const Tensor& w, const Tensor& alive = {}) {
  require(w.defined() && w.rank() >= 2 && is_floating(w.dtype()), "FPGM: needs a weight (out, ...) of two axes or more, got {}",
          w.defined() ? fmt::format("{} {}", name(w.dtype()), w.shape()) : "an undefined tensor");
  const std::int64_t n = w.size(0), d = contiguous_strides(w.shape())[0];
  if (alive.defined())
    require(alive.dtype() == DType::u8 && alive.shape() == Shape{n}, "FPGM: the mask of the filters of {} that are alive must be u8 ({}), got {} {}", w.shape(),
            n, name(alive.dtype()), alive.shape());
  const Tensor filters = cast(w.detach(), DType::f64);
  const double* f = filters.data<double>().data();
  auto lives = [&](std::int64_t i) { return !alive.defined() || alive.data<std::uint8_t>()[i] != 0; };
  for (std::int64_t k = 0; k < n * d; ++k)
    require(!lives(k / d) || std::isfinite(f[k]), "FPGM: filter {} of {} has {} among its weights; the network has diverged", k / d, w.shape(), f[k]);
  Tensor scores = zeros({n}, DType::f64);
  const auto s = scores.mutable_data<double>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = i + 1; j < n; ++j) {
      if (!lives(i) || !lives(j)) continue;
      double squares = 0;
      for (std::int64_t k = 0; k < d; ++k) squares += (f[i * d + k] - f[j * d + k]) * (f[i * d + k] - f[j * d + k]);
      s[i] += std::sqrt(squares), s[j] += std::sqrt(squares);  // (fpgm.1)
    }
  return scores;
}

}  // namespace bonsai::prune
