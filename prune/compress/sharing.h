// Shared weights: all weights of a cluster are one number, stored once, and training goes on with those numbers.
//
//   ∂L/∂c_j = Σ_i ∂L/∂w_i  over the weights i of cluster j
//
// by the chain rule, since each of them is c_j. Every member is given this sum for a gradient. An optimizer works entry by entry, so members that begin alike and
// see the same gradients stay alike, with the same moments: the optimizer's state is that of the centroid. (After its step all members
// take the first one's value, so that not even a last bit can part them.) Which weight belongs to which cluster never changes.
//
//   SharedWeights shared(sharing);   // at once the weights become their centroids
//   nn::train(net, optimizer, batches, options, {.after_backward = ..., .after_update = ...});   // or experiments::Start::during
//
// The sum has as many terms as the cluster has weights, so SGD wants a smaller rate than before; Adam does not mind. Weight decay acts on the centroid itself.
// Assumes that the clusters found before are right, and only their values are not. Cost: two passes over the weights a step.
// Han, Mao and Dally, "Deep compression", ICLR 2016, section 3.3; HashedNets (Chen et al., ICML 2015) has the same gradient.
#pragma once
#include <vector>

#include "nn/parameter.h"
#include "prune/compress/kmeans.h"
#include "prune/during.h"

namespace bonsai::prune {

// How a parameter's kept weights share values.
struct Sharing {
  nn::Parameter* parameter;
  std::int64_t clusters;  // 1 to 256
  Centroids begin = Centroids::linear;
};

class SharedWeights : public During {
 public:
  // Clusters the kept weights of each parameter by themselves (all of one that has no mask), and sets them to their centroids. Parameters are dense or masked, in f32.
  // Refuses, naming the parameter, before any is changed.
  explicit SharedWeights(const std::vector<Sharing>& sharing, const Random& random = Random(0));

  void after_backward(std::int64_t iteration) override;               // gradients are summed
  void after_update(std::int64_t iteration, double rate) override;    // members take the first one's value
  std::vector<std::pair<std::string, Tensor>> state() const override;  // "shared.fc1.weight.of": u8, each weight's cluster; of pruned ones 0
  void load_state(const std::vector<std::pair<std::string, Tensor>>& state) override;

 private:
  struct Tied {
    nn::Parameter* parameter;
    std::size_t clusters;
    std::vector<std::int64_t> kept;   // indices of the weights that stay
    std::vector<std::uint8_t> of;     // their clusters
  };
  std::vector<Tied> all_;
};

// The different values of a tensor's entries that are not 0, in rising order: the codebook of one that is shared.
std::vector<float> codebook(const Tensor& values);

}  // namespace bonsai::prune
