// Which channels share a group of M is an accident of their order. Another order of the columns of a weight, and of whatever makes those channels, is the
// same network, and N:M then takes away less:
//
//   maximise over the orders π of the columns   kept(π) = Σ_rows Σ_groups (the N largest of |w_{r,π(g M)}|, ..., |w_{r,π(g M + M - 1)}|)
//
//   |w| = (9 8 7 6 | 1 1 1 1), 2:4 keeps 9 + 8 + 1 + 1 = 19;   (9 8 1 1 | 7 6 1 1) keeps 9 + 8 + 7 + 6 = 30
//
// The order within a group and of the groups does not matter, so there are C! / (M!^(C/M) (C/M)!) different ones: 35 for 8 columns in fours, 2.6 million for 16.
//
//   exact    the best of all, by sets: best(S) = max over groups G that contain S's lowest column of score(G) + best(S \ G). Up to 20 columns
//   greedy   swaps of two columns between groups, the one that gains most first, until none gains
//   search   windows of a few groups, drawn at random, each put in its exact order; a given number of windows, never a time: the same seed
//            gives the same order everywhere
//
// What permutes the network: permute_network.h. Assumes magnitude tells what a weight is worth; any other score may stand in its place.
// Cost, R rows and C columns: exact C-choose-M R, and the sets; greedy (C²/2) R for the first swap and 2 C M R for each one more; search C-choose-M of a window R each.
// Pool and Yu, "Channel permutations for N:M sparsity", NeurIPS 2021.
#pragma once
#include <vector>

#include "core/random.h"
#include "prune/nm/nm.h"

namespace bonsai::prune {

using Order = std::vector<std::int64_t>;  // place i takes column order[i]

constexpr std::int64_t most_exact_columns = 20;

// Scores (rows, columns) >= 0 in f32 or f64; columns a multiple of M. What the order keeps.
double kept_score(const Tensor& scores, NM p, const Order& order);
Order as_they_are(std::int64_t columns);

Order exact_order(const Tensor& scores, NM p);                 // throws beyond most_exact_columns
Order greedy_order(const Tensor& scores, NM p, Order start);
Order searched_order(const Tensor& scores, NM p, Order start, const Random& random, std::int64_t windows);

// Exact where that can be done, else greedy and then a search of 20 windows a group (fewer where M is 8, whose windows have 12,870 possible groups each).
// Never keeps less than the order there is.
Order best_order(const Tensor& scores, NM p, const Random& random);

}  // namespace bonsai::prune
