// The criteria for channels, by the names that --criterion takes: each asks a score of prune/scores about every weight that makes a unit, or every
// activation that is read, and the mean of the answers is the unit's. (A residual sum's channels are made by several filters; a filter
// stands for itself.) Higher = keep.
#pragma once
#include <vector>

#include "core/random.h"
#include "prune/structure/channels.h"

namespace bonsai::prune {

// What a criterion may look at.
struct ChannelInputs {
  nn::Module& net;
  Tensor inputs, labels = {};  // examples; one is enough for criteria that look at weights alone. Labels where a loss is asked for
  Random random{0};
  std::int64_t batch = 64;     // examples at a time; decides nothing
};

struct ChannelCriterion {
  const char *name, *idea, *paper;
  bool needs_examples;
  std::vector<double> (*score)(const ChannelInputs&);  // one a unit of Channels(net, ...), in its order
};

const std::vector<ChannelCriterion>& channel_criteria();
const ChannelCriterion& channel_criterion(const std::string& name);  // throws and lists those there are

}  // namespace bonsai::prune
