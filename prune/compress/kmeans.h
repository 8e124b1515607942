// k-means on a line: the weights of a layer become k values, each weight the one that is nearest. Deep Compression stores those k and, for each weight,
// which it is: ⌈log₂ k⌉ bits in place of 32.
//
//   minimise  Σ_i (w_i - c_{a_i})²     over centroids c_1 < ... < c_k and assignments a
//
// Lloyd's iterations: every weight to its nearest centroid (of two equally near to the lower), every centroid to the mean of its weights, until nothing
// changes. On a line a cluster is an interval of the sorted weights, so an iteration is k searches and, with sums of all first i weights at hand, k
// differences. Where the centroids begin decides where they end:
//
//   linear    evenly over [min, max]: large weights are few but matter most, and only this gives them centroids of their own; the paper's choice
//   density   evenly over the ranks, at (i + ½) / k: most centroids are among the many small weights
//   random    k of the weights (Forgy)
//   optimal   needs no beginning: the best of all intervals, by dynamic programming; what the others can be measured by
//
// An empty cluster takes the weight that is farthest from its centroid for its own, the lowest of equals, so the sum falls even so. Weights with fewer than k
// different values get a cluster each, and fewer than k come back.
// Assumes that an error matters alike wherever it falls; fine-tuning mends what does not (sharing.h). Cost: n log n to sort, k log n an iteration;
// optimal k n log n, and k n numbers.
// Lloyd, "Least squares quantization in PCM", 1957/1982; Han, Mao and Dally, "Deep compression", ICLR 2016.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"

namespace bonsai::prune {

enum class Centroids { linear, density, random, optimal };
Centroids centroids(const std::string& name);  // throws and lists them for another name

struct Clusters {
  std::vector<double> centroids;   // rising
  std::vector<std::int32_t> of;    // each value's, an index of centroids
  double error = 0;                // Σ (w - c)²
  int iterations = 0;              // of Lloyd's
};

// `who` begins the message when there are fewer values than k, or one is not finite. Only `random` draws.
Clusters kmeans(const std::string& who, std::span<const float> values, std::int64_t k, Centroids begin = Centroids::linear, Random random = Random(0));

}  // namespace bonsai::prune
