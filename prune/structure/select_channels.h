// From scores of units to the units that go. The lowest scores go first, by select.h alone; here it is said among which units they compete, how
// much is meant, and that no layer is left without a channel.
//
//   channel ratio     of the channels that are still there: of each layer (scope layer), or of all together (scope global)
//   parameter ratio   of the parameters that are still there, weights, biases, γ and β. Filters of one network differ in size, and half of the
//                     channels are far more than half of the parameters (a weight loses rows and columns: (1 - r)² of it stay), so the two
//                     are different requests with different names
//
// Scope layer with a parameter ratio: the smallest common channel ratio that takes as many parameters. Scope global: the smallest number of units, in the
// order of their scores.
#pragma once
#include <optional>

#include "prune/registry.h"
#include "prune/structure/channels.h"

namespace bonsai::prune {

struct ChannelRequest {
  Scope scope = Scope::layer;
  std::optional<double> channel_ratio = {}, parameter_ratio = {};  // one of them, at least 0 and below 1
  std::vector<std::string> leave = {};                   // layers that are left alone, by the name of a weight that makes them
};

struct ChannelChoice {
  std::vector<int> units;           // that go, rising
  std::vector<std::string> spared;  // layers whose last channel would have gone too: one line each
  double channel_ratio, parameter_ratio;  // what it comes to
};

// scores: one a unit, higher = keep. Units that are pruned already stay out of it. Throws on NaN, and where a request can't be met.
ChannelChoice choose_channels(const Channels& channels, const std::vector<double>& scores, const ChannelRequest& request);

// The network's parameters without what is pruned already, and without the units that go.
std::int64_t parameters_without(const Channels& channels, const std::vector<char>& goes);

}  // namespace bonsai::prune
