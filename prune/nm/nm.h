// N:M sparsity: of every M weights in a row, N stay. A pattern regular enough for hardware to make use of it (2:4: core/sparse24/FORMAT.md), and
// free enough that little is lost.
//
//   (.9 -.1 .2 .5 | 0 .3 .3 -.1), 2:4   ->   (1 0 0 1 | 0 1 1 0)
//
// N counts what is KEPT, as in hardware's manuals and in the field's tables ("1:4" keeps a quarter). Some codes count what is removed: Wanda's
// "n:m" does, and so does the formula "N zeros in every M". For 2:4 it is the same.
//
// Groups lie along the input dimension, which is what a product sums over: of a linear weight (out, in) M columns in a row; of a convolution's
// (out, in, height, width) M input channels in a row, at each place of the kernel by itself.
//
//   m = argmax over the M-choose-N patterns of  Σ score m                        
//
// which are the N highest scores, since a sum is highest when each part is. Among equal scores the lowest index goes first, as in select.h.
// Assumes: that a group can spare M - N of its weights, however much they matter; permutation.h helps where it can not.
// Cost: M² comparisons a group. Mishra et al., "Accelerating sparse deep neural networks", arXiv:2104.08378, 2021 (2:4); Zhou et al., ICLR 2021 (N:M).
#pragma once
#include <string>

#include "core/tensor.h"

namespace bonsai::prune {

struct NM {
  std::int64_t n = 2, m = 4;  // kept, of
  bool operator==(const NM&) const = default;
  double density() const { return static_cast<double>(n) / static_cast<double>(m); }
  std::string str() const;  // "2:4"
};
NM nm(const std::string& text);  // from "2:4"; refuses anything but 1 <= N <= M <= 64

// Scores (out, in, ...) in f32 or f64, higher = keep, of what `mask` (u8, undefined: everything) still keeps -> u8 mask. What was pruned stays so and
// counts among the M - N. Throws, with `name`, when `in` is not a multiple of M, and on a NaN among the kept.
Tensor nm_mask(const std::string& name, const Tensor& scores, NM p, const Tensor& mask = {});

// Of the groups of a mask (u8), or of what in a tensor is not 0, the fraction that keep at most N.
double nm_conformity(const Tensor& mask, NM p);

// Why a weight of this shape can't take N:M, or an empty string: "in 10 is no multiple of 4".
std::string nm_refusal(const Shape& shape, NM p);

}  // namespace bonsai::prune
