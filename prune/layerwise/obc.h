// Exact layer-wise OBS, as in Optimal Brain Compression: the squared error of a layer's outputs is a quadratic, row by row, so OBS (scores/obs/obs.h) is
// exact; each row is pruned greedily with an inverse Hessian of its own.
//
//   s_j = w_j² / [H⁻¹]_jj              the error that deleting w_j costs when all others of the row are moved for the best
//   w ← w - (w_j / [H⁻¹]_jj) H⁻¹_:,j       H⁻¹ ← H⁻¹ - H⁻¹_:,j H⁻¹_j,: / [H⁻¹]_jj, without row and column j: one step of Gaussian elimination
//
// H = (2/N) XᵀX, damped (hessian.h). How many go in each row is chosen over all rows together: first every row is pruned to the end and the losses written
// down; then, again and again, the row whose next loss is lowest takes its step. N:M: the cheapest weight of a group that still has more than N.
// It is the oracle: what SparseGPT does with one factorisation for all rows, this does exactly (greedily, that is: the best of all masks it need not find).
// Assumes the calibration data. Cost: out in³ / 3 multiply-adds, twice where rows compete; in² numbers a thread.
// Frantar, Singh and Alistarh, "Optimal brain compression", NeurIPS 2022, arXiv:2208.11580.
#pragma once
#include "prune/layerwise/hessian.h"

namespace bonsai::prune {

struct ObcOptions {
  double damping = 0.01;  // of the mean diagonal of H
  bool per_row = false;   // count(sparsity, in) of each row, instead of what all rows together lose least by
  Tensor mask = {};       // u8: what is pruned already stays so and counts
};

// w (out, in) or (out, in, height, width), f32 or f64; h (in, in) f64 the second moments of its inputs.
Compensated obc(const std::string& name, const Tensor& w, const Tensor& h, const LayerAmount& a, const ObcOptions& o = {});

}  // namespace bonsai::prune
