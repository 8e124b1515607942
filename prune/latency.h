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

// The same for each layer of a network (a residual block is one), on what the layers before it make of the inputs. Of every layer, one each network; the networks must have
// the same layers, as one has before and after channels are cut out of it.
struct LayerLatency {
  std::string layer;
  std::vector<Latency> of;
};
std::vector<LayerLatency> layer_latencies(const std::vector<nn::Sequential*>& nets, const Tensor& inputs, std::int64_t batch, const LatencyOptions& options = {});
// Of two networks, before and after, as aligned text, with each layer's share of the time before.
std::string table(const std::vector<LayerLatency>& layers);

inline Latency latency(nn::Module& net, const Tensor& inputs, std::int64_t batch, const LatencyOptions& options = {}) {
  return latencies({&net}, inputs, batch, options)[0];
}

}  // namespace bonsai::prune
