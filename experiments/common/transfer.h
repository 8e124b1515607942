// What an experiment on pruning during fine-tuning ends with: an accuracy for each method and density, the figures, the table and the
// summary, with the paper's numbers beside ours.
#pragma once
#include <map>

#include "experiments/common/trainings.h"

namespace bonsai::experiments {

struct Transfer {
  std::vector<std::string> arms;           // in the order of the table; "soft" has the densities that come out, one for each λ
  std::vector<double> densities, lambdas;  // level l of an arm aims at densities[l - 1]; of "soft" it has lambdas[l - 1]
  std::int64_t trials = 1;
  std::string command, seeds;

  struct Point {
    double density = 0, accuracy = 0, low = 0, high = 0;  // means over the trials, and the worst and best accuracy
  };
  std::map<std::pair<std::string, std::int64_t>, Point> points;  // by arm and level; "dense" and "pretrained" have level 0

  std::int64_t levels(const std::string& arm) const { return static_cast<std::int64_t>(arm == "soft" ? lambdas.size() : densities.size()); }
  std::vector<TrainingId> plan() const;          // the fine-tunings, in the order of results.csv
  std::vector<TrainingId> pretrainings() const;  // one a trial
  void read(const RunFolder& folder);
  std::int64_t level(const std::string& arm,
                     std::size_t density) const;  // whose point stands for densities[density]: of "soft" the nearest
  const Point& at(const std::string& arm, std::size_t density) const { return points.at({arm, level(arm, density)}); }

  std::string table() const;
  std::string summary() const;
  void draw_accuracy(const std::filesystem::path& figures) const;
};

// One panel of the picture that explains movement: a layer's weights before fine-tuning and after it (those pruned as they were then).
struct Scatter {
  std::string name, colour;
  Tensor before, after, mask;
  std::vector<double> kept(const Tensor& values) const;  // their sizes |w|
  double moved_away() const;                             // the share of the kept weights that became larger
};
// At most `most` points of the kept weights of each and as many of the pruned, drawn at random.
void draw_scatter(const std::filesystem::path& figures, const std::vector<Scatter>& panels, std::int64_t most, Random random,
                  const std::string& source);

}  // namespace bonsai::experiments
