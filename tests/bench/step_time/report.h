// What bench_step_time has measured, and how it is shown: the table, the goals, JSON and the figure.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/results.h"

namespace bonsai::bench {

// The names of the cases.
inline const std::vector<double> densities{1, 0.8, 0.64, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.036, 0.02, 0.01};
inline const std::vector<double> product_densities{0.4, 0.3, 0.2, 0.1};
inline const std::vector<std::string> torch_settings{"adam/1_thread", "foreach/1_thread", "adam/2_threads", "foreach/2_threads"};
inline const std::vector<std::string> torch_masks{"prune", "multiply"};
inline const std::string step_name = "train_step/lenet_300_100/", product_name = "spmm/300x784/", torch_name = "pytorch/";

// Times in seconds; NaN: not measured.
struct StepTime {
  std::string command, machine, date, isa, revision;
  std::string torch;  // what PyTorch says of itself, as JSON; empty without --peers

  double dense;                                        // nothing pruned
  std::map<double, double> masked, packed;             // by density; masked, the arithmetic is dense
  std::map<std::string, double> torch_dense;           // by setting
  std::map<std::string, std::map<double, double>> torch_masked;  // by kind of mask, by density
  double product_dense;                                // 300x784 with a batch of 64
  std::map<double, double> product;                    // by density
  double product_gflops, peak_gflops;                  // useful work at density 0.1; what the core can do

  explicit StepTime(const Results& results);
  double torch_best() const;               // the fastest setting's dense step
  std::string torch_best_setting() const;  // which it is; empty: not measured
  double torch_masked_at(double density) const;  // the fastest kind of mask
  // The density at which packed takes as long as masked, between the two measured ones, on the logarithms; NaN: the lines do not cross.
  double crossover() const;

  std::string table() const, goals() const, json() const;
  void draw(const std::filesystem::path& folder) const;  // step_time.png and .svg
};

}  // namespace bonsai::bench
