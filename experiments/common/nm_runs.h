// What nm_sparsity shows at its end: summary.json, a table and a figure, from results.csv and what the masks kept.
//
// A run's arm is how the weights were pruned and trained on, its level which of the patterns; arm "dense" is the network with all its weights, trained on as
// long. The first evaluation of a training is the network as it was pruned, the last the one that was trained on.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "experiments/common/trainings.h"
#include "prune/nm/nm.h"

namespace bonsai::experiments {

struct NmRuns {
  std::vector<prune::NM> patterns;  // patterns[level - 1]
  std::vector<std::string> arms;
  std::int64_t trials, iterations;
  std::string net, dataset, command, seeds;
  std::map<std::pair<std::string, std::int64_t>, double> kept = {};  // Σ|w| that the masks left of the weights that took the pattern, as a fraction; trial 0
  std::vector<std::string> left_dense = {};                          // what could not take a pattern, a line each

  std::vector<TrainingId> plan() const;
  void read(const RunFolder& folder);
  struct Accuracy {
    double before = 0, after = 0;  // on the test set, percent; means over trials
  };
  Accuracy accuracy(const std::string& arm, std::int64_t level) const;
  std::string finding() const;
  std::string table() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;
  void show(const RunFolder& folder) const;

  std::map<std::pair<std::string, std::int64_t>, std::vector<Accuracy>> accuracies = {};
};

// What an arm's name means, for people: and whether its network is pruned before it is trained, so that it can be looked at as it was pruned.
struct NmArm {
  const char *name, *words, *colour;
  bool pruned_first;
};
const std::vector<NmArm>& nm_arms();
const NmArm& nm_arm(const std::string& name);

}  // namespace bonsai::experiments
