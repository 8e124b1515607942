// Latency: how long a network takes to answer, by the clock. MACs are theory; a layer half as wide may take half the time, or just as long.
//
//   a batch of 1     how long one answer takes: what somebody waits for
//   a batch of 64    how many answers an hour gives: time / 64 is far less, since a weight that has been fetched is used 64 times
//
// In evaluation mode, nothing recorded. The median of the repeats, since a busy moment only ever adds time; the first calls, which find cold
// caches and no memory in the pool, are not counted. Networks that are to be compared are measured in turns, so that such a moment hits all of them.
// No result of a computation may depend on these numbers.
#pragma once
#include <vector>

#include "nn/module.h"

namespace bonsai::prune {

struct Latency {
  std::int64_t batch;
  int repeats;
  double median, lowest;  // seconds for the whole batch
};

struct LatencyOptions {
  int warm_up = 3, repeats = 15;
};

// Of each network, on `batch` examples of inputs (n, ...); where there are fewer, they are taken again from the first.
std::vector<Latency> latencies(const std::vector<nn::Module*>& nets, const Tensor& inputs, std::int64_t batch, const LatencyOptions& options = {});

inline Latency latency(nn::Module& net, const Tensor& inputs, std::int64_t batch, const LatencyOptions& options = {}) {
  return latencies({&net}, inputs, batch, options)[0];
}

}  // namespace bonsai::prune
