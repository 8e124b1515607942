// What pruning_types shows at its end: a table of what each kind of zeros is worth, summary.json and a figure. A row is a network in one of the forms that it can
// be stored and computed in; several rows may share a training.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "experiments/common/trainings.h"

namespace bonsai::experiments {

struct TypeRow {
  std::string arm, words;  // whose training, and what is done with it: "50% zeros anywhere, masked"
  bool packed;              // its layers take the packed form where they are faster so (nn/forms.h), and in its file all do
  std::function<std::unique_ptr<nn::Sequential>()> network;
  // measured:
  double before = 0, after = 0;  // test accuracy as pruned and after training on, percent
  std::int64_t parameters = 0, kept = 0, macs = 0;
  std::uint64_t bytes = 0;       // of the file that predicts with it
  double speedup1 = 1, speedup64 = 1;
};

struct TypeRuns {
  std::vector<TypeRow> rows;  // the first is the dense network
  std::int64_t iterations;
  std::string net, dataset, command, seeds;

  // Sizes, MACs and speeds, all networks in turns; nothing else should run meanwhile.
  void measure(const RunFolder& folder, const Tensor& examples, int repeats);
  std::string finding() const;
  std::string table() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;
  void show(const RunFolder& folder) const;
};

}  // namespace bonsai::experiments
