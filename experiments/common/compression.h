// What deep_compression shows at its end: the size tables beside the paper's, summary.json, sizes.csv and two figures, from the files that it wrote and read back.
//
// Arms of a network: "paper" is pruned to the paper's densities and shared at its bits; "ours" is pruned further, level by level, and shared at several bits;
// "dense" is shared without being pruned. Of ours one file is chosen, by validation.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "experiments/common/run_folder.h"
#include "nn/train.h"
#include "prune/compress/compressed_file.h"
#include "prune/compress/kmeans.h"

namespace bonsai::experiments {

// How a network is compressed. Densities and bits go with its weights, in their order.
struct CompressionPlan {
  std::string net;  // of datasets/trained
  std::vector<double> paper_densities, densities;
  std::vector<int> paper_bits;
  std::int64_t iterations, share_iterations;  // of each round of pruning; of the centroids
};

// A file, or what one would be, and what the network in it does.
struct CodedNetwork {
  std::string arm;
  std::int64_t level = 0, bits = 0;  // 0: the paper's, by layer
  std::string file;                  // in the run's folder; empty for a network that is pruned only
  std::uint64_t bytes = 0, fixed_bytes = 0;  // with Huffman, and with codes of one length
  nn::Measure validation = {}, test = {};
  std::vector<prune::TensorSize> tensors = {}, fixed = {};
};

// Of the figure of centroids: the kept weights of one layer, and the values that they came to share.
struct CentroidsFound {
  std::string layer;
  std::vector<float> weights, before, after;
};

struct CompressionRuns {
  std::vector<CompressionPlan> plans;
  double points, loss_share;  // a file is good when validation's error is at most so many points above the dense network's, and its loss so much of it above
  std::string command, seeds;

  struct OfNet {
    nn::Measure validation = {}, test = {};  // the dense network
    std::uint64_t dense_bytes = 0;  // 4 a parameter, and nothing else
    std::vector<CodedNetwork> coded = {};
    CentroidsFound centroids = {};
  };
  std::map<std::string, OfNet> nets = {};
  std::mutex adding = {};

  void add(const std::string& net, CodedNetwork c);  // thread-safe
  // Puts what was added in the order of arm, level and bits, whoever came first.
  void sort();

  const CodedNetwork& paper(const std::string& net) const;
  // Of ours the smallest that is good by validation; if none is, the one of the lowest loss, and `good` is false.
  struct Choice {
    const CodedNetwork* coded;
    bool good;
  };
  Choice chosen(const std::string& net) const;
  double times(const std::string& net, const CodedNetwork& c) const;  // how much smaller than dense

  std::string finding() const;
  std::string table() const;
  std::string sizes_csv() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;
  void show(const RunFolder& folder) const;
};

std::string in_words(const std::string& net);  // "LeNet-300-100"

}  // namespace bonsai::experiments
