// SparseGPT: OBS for a whole layer at once. Columns are visited from the left; where a weight goes, the weights of its row to the right, which
// are not decided yet, make up for it.
//
//   H = (2/N) XᵀX, damped          H⁻¹ = UᵀU,  U upper triangular                                          (hessian.h)
//   s_ij = w_ij² / U_jj²           the loss of deleting w_ij when only weights to its right may move; higher = keep
//   e = (w_ij - q) / U_jj,  w_i,j: ← w_i,j: - e U_j,j:       q = 0 where pruned, w_ij where kept (then e = 0)
//
// Why U? After columns 0 .. j-1 are settled, the inverse of what is left of H is U_j:,j:ᵀ U_j:,j:: row j of U is all that OBS needs of it, scaled by U_jj.
// So one factorisation serves every row and every mask, where exact OBS (obc.h) needs an inverse of its own for each row.
// Masks are chosen for 128 columns at a time, over all rows together, from weights that have been updated by all columns before; N:M chooses in each
// group when it is reached.
// Assumes that settling from the left to the right loses little against the best order, and the calibration data.
// Cost: tokens in² / 2 + 2/3 in³ + out in² / 2 multiply-adds, in f64; some 4 in² + 2 out in numbers.
// Counts: block b of n in total goes so far that all blocks together have pruned count(sparsity, out · columns so far): the total is exact, as
// everywhere here. The authors' code prunes what is <= a threshold, one more a block than the fraction says: `as_published`.
// Frantar and Alistarh, "SparseGPT: massive language models can be accurately pruned in one-shot", ICML 2023, arXiv:2301.00774.
#pragma once
#include "prune/layerwise/hessian.h"

namespace bonsai::prune {

struct SparseGptOptions {
  double damping = 0.01;       // of the mean diagonal of H
  std::int64_t block = 128;    // columns (under N:M the multiple of M below)
  bool as_published = false;   // in each block what is <= the int(numbers · sparsity)-th lowest score goes
  Tensor mask = {};            // u8: what is pruned already stays so and counts
};

// w (out, in) or (out, in, height, width), f32 or f64; h (in, in) f64 the second moments of its inputs.
Compensated sparsegpt(const std::string& name, const Tensor& w, const Tensor& h, const LayerAmount& a, const SparseGptOptions& o = {});

}  // namespace bonsai::prune
