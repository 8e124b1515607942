// What a lottery-ticket experiment shows at its end: summary.json, a table, the paper's figures 3 and 4, and which
// pixels the ticket still looks at. All of it is a function of results.csv, the checkpoints and the settings.
#pragma once
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/common/trainings.h"

namespace bonsai::experiments {

// The paper's statements about one level, relative to its own dense network (Frankle and Carbin, ICLR 2019, v5).
struct PaperLevel {
  std::optional<double> test_accuracy_final = {};    // percent; dense only, from Frankle et al. 2019 (1903.01611)
  std::optional<double> early_stop_over_dense = {};  // ticket's early-stop iteration over the dense network's
  std::optional<double> reinit_early_stop_over_ticket = {};
  std::optional<double> gain_over_dense = {};  // accuracy at early stop, percentage points
  std::optional<double> gain_over_reinit = {};
  std::optional<double> final_gain_over_random = {};  // at the end of training; from 1903.01611
};

struct Statistic {
  double mean, min, max;  // NaN of nothing
  explicit Statistic(const std::vector<double>& v = {});
};

// One arm at one level, over trials and repeats. iterations_to_target is over the trainings that got there.
struct Cell {
  double density = std::numeric_limits<double>::quiet_NaN();
  Statistic iterations_to_target, early_stop, accuracy_at_early_stop, accuracy_final;
  std::vector<std::pair<std::int64_t, double>> curve = {};  // iteration, mean test accuracy
  bool empty() const { return std::isnan(density); }
};

struct Lottery {
  struct Run {
    TrainingId id;
    double density;
    std::vector<nn::Evaluation> record;
  };
  std::vector<std::string> arms;  // "ticket" first
  std::int64_t rounds, iterations;
  std::map<std::int64_t, PaperLevel> paper;
  std::string dataset;
  std::string command;         // what reproduces this run
  std::string seeds;           // "seed 1, 5 trials"
  double target = 97;          // validation accuracy in percent: how soon is it reached?
  std::vector<Run> runs = {};  // in the order of results.csv

  void read(const RunFolder& folder, const std::vector<TrainingId>& ids);  // fills runs
  Cell cell(const std::string& arm, std::int64_t level) const;
  std::string summary_json() const;
  std::string table() const;                              // for the terminal
  void draw(const std::filesystem::path& figures) const;  // accuracy.png, density.png (lottery_figures.cpp)
};

// The arms that a list names, "ticket,reinit", in the order in which results.csv has them. Refused: names not among `known`, one twice, no
// ticket.
std::vector<std::string> arms_of(const std::string& list, const std::vector<std::string>& known);
// The trainings in the order of results.csv: the ticket from level 0, the others from level 1; reinit and random `repeats` times.
std::vector<TrainingId> plan(const std::vector<std::string>& arms, std::int64_t trials, std::int64_t rounds, std::int64_t repeats);
// How many steps they take, where pruned ones but those of new weights and of a chain that is never reset begin at `rewind`.
std::int64_t steps_of(const std::vector<TrainingId>& ids, std::int64_t iterations, std::int64_t rewind);

// "same mask, new weights" says more than "reinit".
std::string legend(const std::string& arm);

// For each input of a first layer (out, inputs): how many of its weights survive, as a (height, width) picture.
Tensor surviving_inputs(const Tensor& mask, std::int64_t height, std::int64_t width);

// Draws the figures, with a picture of the surviving inputs of the layer `first` if it has one (784 inputs: 28, 28), and
// presents them.
struct FirstLayer {
  std::string parameter;
  std::int64_t height, width;
};
void show(const Lottery& lottery, const RunFolder& folder, const std::optional<FirstLayer>& first);

}  // namespace bonsai::experiments
