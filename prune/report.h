// What to report about a pruned network: how much of each parameter is left, how much smaller the whole is, and how much less there is to
// compute. The last two are different numbers: a weight counts once in the size, and in the work as often as it is multiplied.
//
//   compression = parameters / kept parameters    numbers, biases too; where a kept one stands is not counted (a file stores that, too)
//   speed-up    = MACs / kept MACs                multiply-adds of one example's forward pass; those with a pruned weight are left out
//
// MACs are read off the recorded graph of that pass. A linear layer (out, in) has out · in, of which the kept ones count; a bias adds none;
// a weight that is used at m positions, as a filter (in / groups · height · width) at each pixel of its result, counts m times. A product without
// a parameter (attention's) costs the same before and after.
// Both are theory: a masked layer computes as many products as a dense one, and a packed one fewer, but slower ones. How much faster it
// really is, a clock says ("measured speed", latency.h). A network from which channels have been cut is dense again, and smaller: comparison() sets
// it beside the one that it was cut from.
// Cost: one forward pass and one pass over the weights. Blalock et al., "What is the state of neural network pruning?", MLSys 2020.
#pragma once
#include <string>
#include <vector>

#include "nn/module.h"
#include "prune/latency.h"

namespace bonsai::prune {

// One parameter, or a sum of several.
struct Share {
  std::int64_t size = 0, kept = 0;
  std::int64_t macs = 0, kept_macs = 0;  // of one example
  double density() const { return size == 0 ? 1 : static_cast<double>(kept) / static_cast<double>(size); }
};

struct ParameterReport : Share {
  std::string name;
  Shape shape;
  bool is_weight;  // two axes or more; the others are biases
  std::int64_t output_bytes = 0;  // of the products that it is in, for one example
  // Of the units that a weight makes (its rows): those to which no kept weight leads, those from which none leads on, and those of which
  // either is true. The last layer's units are read by us; where the graph does not show who reads a unit, it counts as read.
  std::int64_t units = 0, without_input = 0, without_output = 0, dead = 0;
};

struct Report {
  std::vector<ParameterReport> parameters;
  std::int64_t fixed_macs = 0;  // of products without a parameter
  // What one example's forward pass leaves in memory when it is recorded, as training does: every result of every operation that the example has
  // gone into, those that share their storage (a reshape's) once; not the example itself, not the parameters. Inference frees as it goes.
  std::int64_t activation_bytes = 0;
  // A layer close to collapse, one line each. Either it keeps fewer weights than it has units, so that wherever they lie some unit gets
  // none, and every further round cuts off more; or an output of the network gets none, and says the same of every example.
  std::vector<std::string> warnings;

  Share weights() const;
  Share all() const;           // weights, biases, and the fixed products
  double compression() const;  // of all parameters
  double speed_up() const;
};

// Records a forward pass of the first of `inputs` (n, ...), in evaluation mode. Throws, naming the layer, when a weight has nothing left,
// and when it is neither in a product that is known here (linear, matmul, sparse_matmul, conv2d, sparse_conv2d) nor looked up or added, as embeddings are.
Report report(nn::Module& net, const Tensor& inputs);

// The report as aligned text: a line a parameter, the totals, the two ratios and what they count, the warnings.
std::string table(const Report& r);

// The same network on the same clock before and after, at one size of batch.
struct Speeds {
  Latency before, after;
};

// Before against after as aligned text, a line a layer (a path up to its last dot) and the totals: parameters and MACs that are left, the memory of each
// layer's products, all activations' memory, and the speeds. A layer that has gone altogether has no numbers after.
std::string comparison(const Report& before, const Report& after, const std::vector<Speeds>& speeds = {});

}  // namespace bonsai::prune
