// What an experiment that cuts channels out shows at its end: summary.json, a table and two figures, from results.csv and the networks that were cut.
//
// A run's arm is the criterion, its level which of the ratios; arm "dense" is the whole network, "fine-tuned" the whole one after the same fine-tuning.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/common/trainings.h"
#include "prune/structure/surgery.h"

namespace bonsai::experiments {

struct FilterRuns {
  using Key = std::pair<std::string, std::int64_t>;  // criterion, level
  std::vector<std::string> criteria;
  std::vector<double> ratios;  // rising; ratios[level - 1]
  std::int64_t trials, iterations;
  bool global;                 // then networks of one ratio differ by criterion
  std::string net, command, seeds;

  // Of the networks of trial 0. None where filters were pruned softly: then they are masked, and nothing is smaller or faster yet.
  struct Cut {
    double cut_minus_masked = 0;
    std::vector<std::string> spared = {};  // layers that kept their last channel against the request, a line each
    std::function<std::unique_ptr<nn::Sequential>()> network = {};  // makes it again
    std::int64_t parameters = 0, macs = 0;
    double speedup64 = 1, speedup1 = 1;  // measured: the dense network's time over its own, at batch 64 and 1
  };
  std::map<Key, Cut> cuts = {};
  Cut dense = {};
  bool soft() const { return cuts.empty(); }

  std::vector<TrainingId> plan() const;  // all fine-tunings, in the order of results.csv
  void read(const RunFolder& folder);    // the accuracies
  // Parameters, MACs and speeds, of every network once; nothing else should run meanwhile.
  void measure(const Tensor& examples, int repeats);

  struct Accuracy {
    double before = 0, after = 0;  // on the test set, percent; means over trials
  };
  Accuracy accuracy(const std::string& arm, std::int64_t level) const;
  std::string finding() const;
  std::string table() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;
  void show(const RunFolder& folder) const;

  std::map<Key, std::vector<Accuracy>> accuracies = {};  // read: one a trial
};

}  // namespace bonsai::experiments
