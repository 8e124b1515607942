// What an experiment on linear mode connectivity measures, the error along lines between copies of a network, and what it shows at its end:
// lines.csv, summary.json, a table and two figures.
#pragma once
#include <string>
#include <vector>

#include "experiments/common/lottery.h"

namespace bonsai::experiments {

// Copies of one network, trained on in different orders of the data. Level r is that after r rounds of pruning, 0 the dense network.
struct Copies {
  std::int64_t trial = 0;
  std::string arm;               // "dense", "ticket", "random", "reinit"
  std::int64_t step = 0, level = 0;  // the step of which they are copies (a reinit: to which its ticket was rewound); the level
  double density = 1;

  TrainingId id(std::int64_t order) const;  // of one of them
  std::string str() const { return id(0).str(); }
  std::string title(std::int64_t order) const;
};

// The error from one copy to another.
struct Line {
  Copies of;
  std::int64_t first, second;  // which two
  std::vector<double> errors;  // percent, at evenly spaced places
};

inline constexpr const char* line_header = "trial,arm,step,level,density,first,second,alpha,test_error\n";
std::string to_csv(const Line& line);
// The lines between every two of so many copies, back from their rows; rows that to_csv cannot have written are refused.
std::vector<Line> lines_from_csv(const Copies& of, std::int64_t copies, std::int64_t points, const std::string& rows);

// The lines between every two of so many copies, measured once.
class Lines {
 public:
  // all: in the order of lines.csv. What an earlier run has left is checked and taken over; the folder knows of its trainings already.
  // statistics: so many of these batches give a network with BatchNorm its running statistics, at every place of a line; others have none.
  Lines(RunFolder& folder, const Recipe& recipe, std::vector<Copies> all, std::int64_t copies, std::int64_t points, BatchSource batches,
        std::int64_t statistics);
  // Thread-safe for different copies. ends: their trained weights; masks: by which both ends are pruned, and so is every network between.
  void measure(const Copies& of, const std::vector<std::vector<Tensor>>& ends, const std::vector<Tensor>& masks) const;
  std::vector<Line> collect() const;  // when all are measured; writes lines.csv

 private:
  std::vector<Line> read(Copies of) const;
  RunFolder& folder_;
  const Recipe& recipe_;
  std::vector<Copies> all_;
  std::int64_t copies_, points_;
  BatchSource batches_;
  std::int64_t statistics_;
};

// One network's lines, over trials and pairs.
struct Connection {
  double density = 1;
  Statistic instability, error_ends, error_sup;
  std::vector<double> curve = {};  // the mean error at each place
  bool empty() const { return curve.empty(); }
};

struct ModeLines {
  std::vector<Line> lines;
  std::vector<std::int64_t> steps, levels;  // of which dense networks were copied; levels of pruning that were measured, without 0
  std::int64_t rewind;                      // one of the steps
  std::string network, command, seeds;
  std::string paper_name = {};         // what the paper's statement is of; "": it says nothing of this network
  std::int64_t paper_stable_from = 0;  // the step from which the dense network is stable in the paper

  Connection at(const std::string& arm, std::int64_t step, std::int64_t level) const;
  Connection pruned(const std::string& arm, std::int64_t level) const { return at(level == 0 ? "dense" : arm, rewind, level); }
  std::string finding() const;
  std::string summary_json() const;
  std::string table() const;
  void draw(const std::filesystem::path& figures) const;  // line.png, instability.png (mode_lines_figures.cpp)
};

}  // namespace bonsai::experiments
