// What head_pruning shows at its end: summary.json, a table, accuracy against heads left, and a picture of which heads stay. All of it is a
// function of results.csv.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "experiments/common/run_folder.h"

namespace bonsai::experiments {

// block and head: which one went to come here, -1 in a whole network; needed: was it planted (1 or 0), -1 where nobody knows.
inline constexpr const char* head_pruning_header =
    "task,trial,criterion,fine_tuning,heads_left,block,head,needed,test_accuracy,parameters,cut_minus_masked";
std::string rows_part(std::int64_t trial, const std::string& criterion, std::int64_t fine_tuning);
std::string planted_part(const std::string& criterion);

struct HeadRuns {
  std::vector<std::string> criteria;
  std::int64_t trials, seeds, fine_tuning, blocks, heads;  // trials on MNIST; seeds of planted heads; heads of one block
  std::string command, about;                              // "seed 1"

  struct Curve {
    std::vector<std::int64_t> left;     // heads
    std::vector<double> accuracies;     // means over trials or seeds, percent
    std::vector<std::int64_t> parameters;  // the first trial's
    std::vector<std::pair<int, int>> gone;  // block and head, the first trial's, in order
    double at(std::int64_t heads) const;
    std::int64_t within_one_point() const;  // the fewest heads until which no accuracy is more than a point below the whole network's
  };
  std::map<std::pair<std::string, bool>, Curve> rows = {};  // of a criterion, with fine-tuning or not
  std::map<std::string, Curve> planted = {};
  std::map<std::string, std::int64_t> found = {};           // in how many seeds all needed heads outlived all others
  double cut_minus_masked = 0;                              // the largest of all

  void read(const RunFolder& folder);
  std::string finding() const;
  std::string table() const;
  std::string summary_json() const;
  void draw(const std::filesystem::path& figures) const;  // heads_accuracy.png, heads_order.png (head_figures.cpp)
  void show(const RunFolder& folder) const;
};

}  // namespace bonsai::experiments
