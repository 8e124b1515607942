// Head norm: an attention head whose value and output weights are small adds little to the sum of all heads.
//
//   s_h = ‖ (V_h, O_h) ‖₂ = √( Σ V_h² + Σ O_h² )        V_h (d, in): head h's rows of the value projection (heads·d, in)
//                                                       O_h (out, d): its columns of the output projection (out, heads·d)    higher = keep
//
// The query and key weights are left out: they say where a head looks, not how loud it speaks. Other norms than n = 2 as in channel_norm.h.
// Assumes that every weight's change matters alike. V_h times c and O_h over c compute the same, but score otherwise: see the card.
// Computed in f64, V before O. Cost: one pass. (The magnitude baseline of head pruning; channel norms as in Li et al., ICLR 2017.)
#pragma once
#include "prune/scores/channel_norm.h"

namespace bonsai::prune {

// value (heads·d, in), output (out, heads·d) -> (heads) f64
inline Tensor head_norm(const Tensor& value, const Tensor& output, std::int64_t heads, double n = 2) {
  require(value.defined() && output.defined() && value.rank() == 2 && output.rank() == 2 && value.size(0) == output.size(1),
          "head norm: needs a value projection (heads·d, in) and an output projection (out, heads·d), got {} and {}",
          value.defined() ? str(value.shape()) : "nothing", output.defined() ? str(output.shape()) : "nothing");
  require(heads > 0 && value.size(0) % heads == 0, "head norm: {} heads do not divide the {} rows of the value projection {}", heads, value.size(0),
          value.shape());
  require(!std::isnan(n), "head norm: n is NaN; it must be a number or an infinity");
  const Tensor v = cast(abs(value.detach()), DType::f64), o = cast(abs(output.detach()), DType::f64);
  const std::int64_t width = value.size(0), d = width / heads, in = value.size(1);
  Tensor scores = empty({heads}, DType::f64);
  for (std::int64_t h = 0; h < heads; ++h) {
    std::vector<double> sizes(&v.data<double>()[h * d * in], &v.data<double>()[h * d * in] + d * in);
    for (std::int64_t r = 0; r < output.size(0); ++r)
      for (std::int64_t c = h * d; c < (h + 1) * d; ++c) sizes.push_back(o.data<double>()[r * width + c]);
    scores.mutable_data<double>()[h] = norm(sizes, n);  // (hnorm.1)
  }
  return scores;
}

}  // namespace bonsai::prune
