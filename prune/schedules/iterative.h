// Iterative pruning: each round removes a fraction of what remains, so that after r rounds about (1 - rate)^r is left.
//
//   n_0 = n,   n_{r+1} = n_r - count(rate, n_r)
//
// Frankle and Carbin, "The lottery ticket hypothesis", ICLR 2019: LeNet-300-100 at 20% a round (10% in the output layer) keeps
// 100, 80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, ... percent.
#pragma once
#include "prune/select.h"

namespace bonsai::prune {

// How many of n entries are kept after `rounds` rounds.
inline std::int64_t kept_after(std::int64_t n, double rate, int rounds) {
  for (int r = 0; r < rounds; ++r) n -= count(rate, n);  // (it.1)
  return n;
}

}  // namespace bonsai::prune
