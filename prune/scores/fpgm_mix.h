// FPGM as its paper mixes it: the smallest filters go first, by their norm, and then the most replaceable of those that are left, by FPGM.
//
//   "mix 40%"  =  10% of the filters by ‖W_i‖₂,  then 30% by Σ_j ‖W_i - W_j‖₂ over the others that the norm has left      (fpgm.h)
//
// The order matters: the small filters lie together near 0, and as neighbours they would pull the middle towards them. Both shares are of all
// filters that were alive before. The total is counted exactly, count(0.1 + 0.3, n), and the norm's part of it is count(0.1, n); the
// authors' code rounds each down, so that of 16 filters it takes 1 and 4 where this takes 2 and 4 of 6.
#pragma once
#include "prune/scores/channel_norm.h"
#include "prune/scores/fpgm.h"
#include "prune/select.h"

namespace bonsai::prune {

struct FpgmMix {
  double by_norm = 0.1, by_distance = 0.3;  // of the filters that are alive
};

// w (out, ...), alive (u8, out; undefined: all) -> the filters that stay (u8, out). Refuses to take all of them.
inline Tensor fpgm_mix(const Tensor& w, const FpgmMix& mix = {}, const Tensor& alive = {}) {
  const Tensor everyone = fpgm(w, alive);  // (and refuses what it must)
  const std::int64_t n = everyone.numel(), left = alive.defined() ? sum(alive).to_vector<std::int64_t>()[0] : n;
  const std::int64_t total = count(mix.by_norm + mix.by_distance, left, "FPGM mix"), small = std::min(total, count(mix.by_norm, left, "FPGM mix"));
  require(mix.by_distance >= 0, "FPGM mix: the fraction {} by distance is not between 0 and 1", mix.by_distance);
  require(total < left || total == 0, "FPGM mix: {} by norm and {} by distance are all {} filters of {}; leave one", mix.by_norm, mix.by_distance, left, w.shape());
  const Tensor large = remove_lowest({{"filters", channel_norm(w, 2, 0), alive}}, small)[0];
  return remove_lowest({{"filters", fpgm(w, large), large}}, total - small)[0];  // (fpgm.2)
}

}  // namespace bonsai::prune
