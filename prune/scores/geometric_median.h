// The geometric median of a layer's filters: the point in space, a filter or none, with the smallest sum of distances to all of them. FPGM
// (fpgm.h) is its short cut; here is what is cut short.
//
//   f(x) = Σ_j ‖x - W_j‖₂         convex, and with one minimum unless all filters lie on a line
//   x ← Σ_j W_j / ‖x - W_j‖  /  Σ_j 1 / ‖x - W_j‖                  Weiszfeld: an average in which near filters weigh more
//
// At a filter W_k the weight 1/0 has no meaning. There the others' unit vectors R = Σ_{j≠k} (W_j - W_k) / ‖W_j - W_k‖ pull against W_k
// itself, which holds with strength 1 (η, if η filters lie there): if ‖R‖ <= η, W_k is the median; else the step goes to
// (1 - η/‖R‖) T + (η/‖R‖) W_k, T being Weiszfeld's average over the others (Vardi and Zhang).
//
// The filter with the smallest f, FPGM's argmin, is looked at first. If it is the median, that is the answer, exactly. If it is not, f falls
// from there at every step, so that no filter is ever met again.
// Computed in f64. Cost: n² d to look at all filters, then n d a step; tens to thousands of steps, fewer the farther the median is from all.
// Weiszfeld, Tôhoku Mathematical Journal 43, 1937; Vardi and Zhang, "The multivariate L1-median and associated data depth", PNAS 97, 2000.
#pragma once
#include "core/tensor.h"

namespace bonsai::prune {

struct MedianOptions {
  Tensor start = {};          // where to begin, shaped as a filter; undefined: at the best filter
  double tolerance = 1e-9;    // stop when ‖∇f‖ <= tolerance · n: f is then within tolerance · n · (distance to the median) of its smallest
  std::int64_t most = 10000;  // steps
};

struct GeometricMedian {
  Tensor x;                // f64, shaped as one filter
  double sum;              // f(x)
  double slope;            // ‖∇f(x)‖; at a filter, by how much ‖R‖ is more than η: 0 at the median
  std::int64_t steps = 0;
  bool converged = false;
};

// Of the filters of w (out, ...), at least one.
GeometricMedian geometric_median(const Tensor& w, const MedianOptions& options = {});

}  // namespace bonsai::prune
