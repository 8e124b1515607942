// The steps of deep_compression on a whole network: prune it, share its values, write it and read it back.
#pragma once
#include "experiments/common/compression.h"
#include "experiments/common/trainings.h"
#include "prune/compress/sharing.h"

namespace bonsai::experiments {

// A network by its numbers; the masks too.
struct Weights {
  std::string net;
  std::vector<Tensor> values, masks = {};
  std::unique_ptr<nn::Sequential> network() const;
};
Weights result_of(const std::string& net, const Training& t);

// Each weight's smallest go, so that it keeps density^power.
Weights prune_by_magnitude(const Weights& w, const std::vector<double>& densities, double power);

// So many bits for each weight name 2^bits - 1 values, and the filler zero; never more values than weights. With `biases` these are shared, too, with the first weight's bits.
std::vector<prune::Sharing> sharing(nn::Module& net, const std::vector<int>& bits, bool biases, prune::Centroids begin);

// Writes the network as c.file, reads it back, and measures what was read.
CodedNetwork code(const Weights& w, const std::vector<int>& bits, bool biases, int index_bits, const Examples& validation, const Examples& test, const RunFolder& folder, CodedNetwork c);

// What a network that is only pruned would take: its steps in Huffman codes, and 32 bits for each weight that is left.
CodedNetwork pruned_only(const Weights& w, const Training& t, std::int64_t level);

// Of the paper's arm, for the figure: the largest layer before it was shared, and its centroids then and now.
CentroidsFound centroids_of(const CompressionPlan& p, std::int64_t paper_levels, prune::Centroids begin, const Random& random, const RunFolder& folder);

}  // namespace bonsai::experiments
