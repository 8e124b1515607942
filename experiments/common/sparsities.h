// What an experiment that compares ways to a sparse network shows at its end: summary.json, a table, and two figures, accuracy against
// sparsity and what happened on the way. All of it is a function of results.csv and the settings.
//
// A run's arm says how it got sparse, its level which of the sparsities it ended with (0: the dense network, arm "dense").
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "experiments/common/lottery.h"
#include "experiments/common/trainings.h"

namespace bonsai::experiments {

struct Sparsities {
  struct Run {
    TrainingId id;
    double density;
    std::vector<nn::Evaluation> record;
  };
  std::vector<std::string> arms;       // without "dense"
  std::vector<double> sparsities;      // rising; sparsities[level - 1]
  std::int64_t iterations;
  std::string dataset, command, seeds;  // the command reproduces this run; "seed 1, 5 trials"
  std::function<double(const std::string& arm, double sparsity, std::int64_t step)> sparsity_before;  // what holds when that step begins
  std::vector<Run> runs = {};  // in the order of results.csv

  void read(const RunFolder& folder, const std::vector<TrainingId>& ids);  // fills runs
  Statistic accuracy(const std::string& arm, std::size_t level) const;     // on the test set at the end, percent, over trials
  std::string finding() const;                                              // one sentence with the run's numbers
  std::string summary_json() const;
  std::string table() const;
  void draw(const std::filesystem::path& figures) const;  // sparsity.png, course.png (sparsities_figures.cpp)
  void show(const RunFolder& folder) const;               // all of these
};

// "SET" for "set": an arm's name in words.
std::string arm_in_words(const std::string& arm);

// RigL with ERK densities on ResNet-50 and ImageNet, in points of accuracy below the dense network's 76.8% (Evci et al., 2020). No paper
// has these arms on LeNet-300-100.
inline constexpr std::pair<double, double> rigl_below_dense_on_resnet50[] = {{0.8, 76.8 - 75.12}, {0.9, 76.8 - 73.07}};

}  // namespace bonsai::experiments
