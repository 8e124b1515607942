// What an experiment shows that prunes before training: how well the pruned networks learn, what each method keeps of each layer, and
// which pixels it looks at. All of it is a function of the masks, results.csv and the settings.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "experiments/common/report.h"
#include "experiments/common/trainings.h"

namespace bonsai::experiments {

// A network pruned before training.
struct Pruned {
  std::int64_t trial;
  std::string method;
  double sparsity;
  std::int64_t level;  // its place among the sparsities that are trained, 1, 2, ...; 0: it is pruned to be counted only

  std::string emptied = {};        // the layer that would have lost all its weights ("layer collapse"); "": none
  std::vector<Tensor> masks = {};  // of all the network's parameters
  struct Layer {
    std::string name;
    std::int64_t size, kept, alive;  // alive: on a path of kept weights from an input to an output
  };
  std::vector<Layer> layers = {};  // of its weights; none after a collapse

  TrainingId id() const { return {trial, method, 0, level}; }
  std::int64_t size() const;
  std::int64_t kept() const;
  std::int64_t alive() const;
};

struct InitialPruning {
  std::string net, dataset;
  std::vector<std::string> methods;
  std::vector<double> sparsities;  // that are trained, rising
  std::int64_t trials;
  std::map<std::string, std::map<double, double>> paper;  // method, sparsity: error in percent; "dense" at 0
  std::string command, seeds;
  std::vector<Pruned> pruned;
  std::map<std::string, std::vector<nn::Evaluation>> records = {};  // by TrainingId::str()

  void read(const RunFolder& folder);  // fills records
  // The trainings in the order of results.csv: of each trial the dense network, then those of every method that did not collapse.
  std::vector<TrainingId> plan() const;

  // One method at one level, over trials ("dense" at level 0). Test errors in percent; NaN where nothing was trained.
  struct Cell {
    double error, low, high;       // at the end of training: mean, smallest, largest
    double best;                   // mean of each training's lowest: what one reads off the best of its checkpoints
    std::int64_t collapsed;        // trials
    std::string emptied;           // the first of them: which layer
    const Pruned* first;           // the first trial that did not collapse, or null
  };
  Cell cell(const std::string& method, std::int64_t level) const;
  // The lowest sparsity at which the first trial collapsed, or null.
  const Pruned* collapse(const std::string& method) const;
  double most() const;  // the highest sparsity that was tried

  std::string summary_json() const;
  std::string table() const;
  std::string layers_csv() const;
  std::vector<Figure> draw(const std::filesystem::path& figures) const;  // initial_pruning_figures.cpp
};

// Draws, writes layers.csv and presents.
void show(const InitialPruning& p, const RunFolder& folder);

}  // namespace bonsai::experiments
