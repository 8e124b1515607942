// What the sensitivity experiment shows at its end: summary.json, a table, a curve a layer, the weights' histograms before and after, and
// the report on the network pruned in all layers together. All of it but the last two is a function of results.csv.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "experiments/common/run_folder.h"
#include "prune/report.h"

namespace bonsai::experiments {

inline constexpr const char* default_sparsities =
    "0,0.05,0.1,0.15,0.2,0.25,0.3,0.35,0.4,0.45,0.5,0.55,0.6,0.65,0.7,0.75,0.8,0.85,0.9,0.95,0.97,0.98,0.99";
inline constexpr const char* all_layers = "all";
inline const std::vector<std::string> layers{"fc1", "fc2", "fc3", all_layers};  // LeNet-300-100's, and all of them together
inline constexpr const char* sensitivity_header = "trial,layer,sparsity,kept,test_loss,test_accuracy";
std::string part_id(std::int64_t trial, const std::string& layer);

// The first trial's network from within.
struct Inside {
  struct Layer {
    Tensor before, after, mask;  // its weights, pruned alone; mask u8
  };
  std::vector<Layer> layers;
  prune::Report report;  // of the network pruned globally
  double accuracy;       // and how that one does
};

struct Sensitivity {
  std::string dataset, criterion, command, seeds;
  std::string together;            // how all layers are pruned together: "all evenly", or "all globally"
  std::vector<double> sparsities;  // the first is 0
  double sparsity;                 // of what is inside
  Inside inside;
  struct Point {
    std::int64_t kept = 0;
    std::vector<double> accuracies = {};  // of each trial, percent
    double mean() const;
  };
  std::map<std::string, std::vector<Point>> curves = {};  // of each layer, a point a sparsity

  void read(const RunFolder& folder, std::int64_t trials);  // fills curves
  double within_one_point(const std::string& layer) const;  // the sparsity up to which no accuracy is more than a point below the dense one
  std::string table() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;  // sensitivity.png, histograms.png (sensitivity_figures.cpp)
};

void show(const Sensitivity& s, const RunFolder& folder);

}  // namespace bonsai::experiments
