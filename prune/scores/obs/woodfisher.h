// WoodFisher: OBS for networks whose Hessian does not fit anywhere. The Hessian is replaced by the empirical Fisher matrix, the mean of
// outer products of the examples' own gradients, and of that only square blocks along the diagonal are kept:
//
//   F = (1/N) Σ_k g_k g_kᵀ + λI,  g_k = dL_k/dw
//   F⁻¹ grows by Woodbury's identity, one rank-one step for each example, in each block alone (outer_products.h has the step, with the gradients of outputs where here stand those of losses)
//   s_q = w_q² / (2 [F⁻¹]_qq),   δw = -F⁻¹_{:,Q} ([F⁻¹]_QQ)⁻¹ w_Q within the block
//
// Assumes a trained network whose outputs are probabilities (then F estimates H), N examples that stand for all, and weights of different
// blocks that do not interact. The paper adds up the changes of single deletions; here those of a block are solved jointly, as in OBS.
// Cost N n B operations and n B numbers, B the block's size. Singh and Alistarh, "WoodFisher", NeurIPS 2020.
#pragma once
#include <functional>
#include <vector>

#include "core/tensor.h"

namespace bonsai::prune {

struct BlockInverse {
  std::int64_t n, block;        // n weights in blocks of `block`, the last perhaps smaller
  std::vector<Tensor> inverse;  // of each block, f64
};

// gradient(k): the gradient (n), f64, of example k = 0 .. examples-1. Refused, with its size, when the blocks cannot fit in memory.
BlockInverse fisher_inverse(std::int64_t n, std::int64_t examples, const std::function<Tensor(std::int64_t k)>& gradient, std::int64_t block, double alpha);

// Scores of w (n), f64; and the change of all weights when those whose mask (n) u8 is 0 are deleted (those that are 0 already cost nothing).
Tensor woodfisher_scores(const Tensor& w, const BlockInverse& f);
Tensor woodfisher_change(const Tensor& w, const BlockInverse& f, const Tensor& mask);

}  // namespace bonsai::prune
