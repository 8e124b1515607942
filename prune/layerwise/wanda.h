// Wanda, pruning by weights and activations: a weight matters as far as what it multiplies is large.
//
//   s_ij = |W_ij| ‖X_j‖₂           W (out, in), X_j the j-th input over all tokens of the calibration data; higher = keep
//
// W_ij alone made 0 changes output i by W_ij X_j, whose norm is s_ij: Wanda is OBD of the layer's squared error, diagonal and all (its Hessian
// 2 XᵀX has 2 ‖X_j‖² on the diagonal). Scores compete within a row, that is for one output, and no weight that stays is moved.
// Assumes that inputs do not make up for each other: that XᵀX is nearly diagonal.
// Cost: a pass over the inputs, in numbers, one over the weights.
// Counts are the nearest whole number of each row's, as everywhere here (select.h); the authors' code truncates in · sparsity.
// Sun et al., "A simple and effective pruning approach for large language models", ICLR 2024, arXiv:2306.11695.
#pragma once
#include "prune/layerwise/amount.h"

namespace bonsai::prune {

// w (out, in), or a convolution's (out, in, height, width) read as (out, in height width); input_norms f64 (in, or in height width) -> f64, shaped as w.
Tensor wanda_scores(const Tensor& w, const Tensor& input_norms);

// The mask (u8) that keeps, in each row of scores (out, ...) by itself, all but the lowest count(sparsity, row's length); or N of every M.
// Ties: the lowest index goes first. What `mask` (u8; undefined: nothing) has pruned stays so and counts. Names row and index of a NaN.
Tensor keep_by_row(const std::string& name, const Tensor& scores, const LayerAmount& a, const Tensor& mask = {});

}  // namespace bonsai::prune
