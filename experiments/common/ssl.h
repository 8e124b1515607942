// What ssl_mnist shows at its end: of every network that group lasso has trained, the groups that are left, its error, its multiply-adds, and, with
// the units that are at 0 really cut out, how fast it is; then the table, summary.json and two figures.
//
// A run's arm is the table's: "filters" (filters and channels of LeNet's convolutions), "shapes" (their filters' shapes), "neurons" (the MLP's); its
// level which of the penalties. Arms "lenet5" and "mlp" are the dense networks that they start from.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/common/trainings.h"

namespace bonsai::experiments {

struct SslArm {
  std::string name, net;  // net: the arm of the dense network
  std::vector<double> lambdas;  // rising; lambdas[level - 1]
};

struct SslRuns {
  std::vector<SslArm> arms;
  std::int64_t trials;
  std::function<std::unique_ptr<nn::Sequential>(const std::string& net)> network;
  std::string command, seeds;

  struct Row {
    double error = 0;          // on the test set, percent, mean over trials; what follows is of trial 0
    std::vector<Tensor> values, masks;
    bool collapsed = false;    // a layer has nothing left, and what follows says nothing
    std::string left;          // "5-19, 1-4": the groups of the table that are left
    std::vector<std::int64_t> widths = {};  // of the cut network's layers
    std::vector<double> macs_by_weight = {};  // shares left
    double macs = 1;           // share left, of all
    double cut_minus_masked = 0;
    double speedup = 1;        // measured at batch 64: the dense network's time over the cut one's
  };
  using Key = std::pair<std::string, std::int64_t>;  // arm, level
  std::map<Key, Row> rows = {};                      // values and masks from the trainings, the rest by measure()

  std::vector<TrainingId> plan() const;  // all trainings, in the order of results.csv
  void measure(const RunFolder& folder, const Tensor& inputs);  // nothing else should run meanwhile
  std::string finding() const;
  std::string table() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;
  void show(const RunFolder& folder) const;
};

}  // namespace bonsai::experiments
