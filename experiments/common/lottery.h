// What a lottery-ticket experiment shows at its end: summary.json, a table, the paper's figures 3 and 4, and which pixels the ticket
// still looks at.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/common/trainings.h"

namespace bonsai::experiments {

// The paper's statements about one level, relative to its own dense network (Frankle and Carbin, ICLR 2019, v5).
struct PaperLevel {
  std::optional<double> test_accuracy_final = {};             // percent; dense only, from Frankle et al. 2019 (1903.01611)
  std::optional<double> early_stop_over_dense = {};           // ticket's early-stop iteration over the dense network's
  std::optional<double> reinit_early_stop_over_ticket = {};
  std::optional<double> gain_over_dense = {};                 // accuracy at early stop, percentage points
  std::optional<double> gain_over_reinit = {};
};

struct Lottery {
  struct Run {
    TrainingId id;
    double density;
    std::vector<nn::Evaluation> record;
  };
  std::vector<Run> runs = {};             // in the order of results.csv
  std::vector<std::string> arms;       // "ticket" first
  std::int64_t rounds, iterations;
  std::map<std::int64_t, PaperLevel> paper;
  std::string command = {};              // what reproduces this run
  std::string seeds = {};                // "seed 1, 5 trials"

  std::string summary_json() const;
  std::string table() const;           // for the terminal
  void draw(const std::filesystem::path& figures) const;  // accuracy.png, density.png
};

// For each input of a first layer (out, inputs): how many of its weights survive, as a (height, width) picture.
Tensor surviving_inputs(const Tensor& mask, std::int64_t height, std::int64_t width);

}  // namespace bonsai::experiments
