// The channels of a network, as its graph shows them: which can only go together, where each of them lies, and what reads it.
//
//   unit    the smallest thing that can go: places along axes of parameters and buffers that only go together. A filter with its bias, its
//           BatchNorm and the columns of the next weight that read it; the filters of all the layers that a residual sum adds up; the d rows
//           of q, k and v and the d columns of the output projection that make up a head
//   layer   the units that are made by the same weights, and compete with one another
//
// Read off one forward pass in evaluation mode (trace.h), so a network of one's own needs no code for it.
#pragma once
#include "nn/module.h"
#include "prune/structure/trace.h"

namespace bonsai::prune {

// One parameter or buffer. unit[axis][i]: to which unit place i of the axis belongs; -1: it stays.
struct Placed {
  std::string name;
  nn::Parameter* parameter = nullptr;
  Tensor* buffer = nullptr;  // the one or the other
  std::vector<std::vector<int>> unit;
  std::vector<char> reads;   // of each axis: is it one that a product sums over (the columns of a weight)? Else it makes its units.
};

struct ChannelLayer {
  std::string name;             // of the first weight that makes its units
  std::vector<int> units;       // in the order in which that weight has them
  std::vector<int> weights;     // all that make them: indices of Channels::tensors
  std::vector<int> activations; // where they are read: indices of Channels::activations
};

// What products read, before it was reshaped for them: (n, channels, ...) or (n, ..., channels).
struct ReadActivation {
  Tensor value;
  int axis;
  std::vector<int> unit;  // of each place along the axis
};

class Channels {
 public:
  // Records net(inputs) in evaluation mode. Refuses, naming it, an operation that trace.h does not know. Packed parameters are unpacked for it.
  Channels(nn::Module& net, const Tensor& inputs);

  int units() const { return units_; }
  const std::vector<Placed>& tensors() const { return tensors_; }
  const std::vector<ChannelLayer>& layers() const { return layers_; }
  const std::vector<ReadActivation>& activations() const { return activations_; }
  const Tensor& outputs() const { return outputs_; }
  const std::vector<Reading>& readings() const { return trace_.readings(); }

  const ChannelLayer& layer(const std::string& weight) const;  // that this weight's rows belong to; throws, with the reason why they stay
  const Placed& tensor(const std::string& name) const;
  // Buffers that number places: the buffer, and of each place that it may name, its unit.
  const std::vector<std::pair<Tensor*, std::vector<int>>>& index_buffers() const { return index_buffers_; }
  std::vector<int> units_along(const Tensor& t, int axis) const;  // of any tensor of the graph, place by place; -1: it stays
  // Which units are pruned by masks in every place that makes them; `weights_only`: whatever their biases and BatchNorms are.
  std::vector<char> pruned(bool weights_only = false) const;
  std::vector<std::string> held_back() const;  // weights with rows that are pruned while their unit is not, one line each

 private:
  void number(const std::vector<Tensor>& leaves);
  void find_layers();
  void find_activations();
  mutable Trace trace_;  // (looking a label up shortens its path)
  int units_ = 0;
  std::map<Label, int> unit_of_root_;
  std::vector<Placed> tensors_;
  std::vector<std::pair<Tensor*, std::vector<int>>> index_buffers_;
  std::vector<ChannelLayer> layers_;
  std::vector<ReadActivation> activations_;
  std::map<std::string, std::string> staying_;  // weights whose rows are no layer's, and why
  Tensor outputs_;
};

// The units of these rows of a weight (filters, neurons, all rows of a head), for who knows which they want. Refuses a request that would tear a unit apart:
// of a convolution in groups the channels go by as many as there are groups, of a head all rows.
std::vector<int> units_of(const Channels& channels, const std::string& weight, const std::vector<std::int64_t>& rows);

// Prunes the units by masks: every place that makes one becomes 0, weights, biases, γ and β alike; what reads it is left alone.
// Parameters that are packed already are refused.
void mask_units(const Channels& channels, const std::vector<int>& units);

}  // namespace bonsai::prune
