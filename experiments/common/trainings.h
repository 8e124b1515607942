// The trainings of an experiment: each starts from given weights and masks, is evaluated as it goes, saves itself now
// and then, and is taken up where it was when the run had been stopped. A training is a pure function of its
// description, so a run that was killed and resumed leaves the same bytes as one that was not.
#pragma once
#include <memory>
#include <optional>

#include "core/batch.h"
#include "core/safetensors.h"
#include "experiments/common/progress.h"
#include "experiments/common/run_folder.h"
#include "nn/networks.h"
#include "nn/train.h"
#include "prune/during.h"

namespace bonsai::experiments {

struct TrainingId {
  std::int64_t trial = 0;
  std::string arm;  // "ticket", "reinit", ...
  std::int64_t repeat = 0, level = 0;
  // Names files, and sorts as results.csv does within an arm.
  std::string str() const { return fmt::format("trial{:02}-{}{}-level{:02}", trial, arm, repeat, level); }
};

struct Examples {
  Tensor inputs, labels;
};

// How every training of this experiment goes.
struct Recipe {
  std::function<std::unique_ptr<nn::Sequential>()> network;
  std::function<std::unique_ptr<nn::Optimizer>(std::vector<nn::Parameter*>)> optimizer;
  nn::Schedule rate;
  std::int64_t iterations, evaluate_every, checkpoint_every;
  Examples validation, test;
  std::optional<double> sparse_threshold;  // Options' own: the density below which a pruned layer is packed
};

// What a training starts from. Values and masks go with the network's parameters(); an undefined mask keeps everything. Where the masks
// stay as they are, pruned layers train in the form that is the faster one (nn/forms.h); what is saved and returned is dense all the same.
struct Start {
  std::vector<Tensor> values, masks = {};
  std::vector<Tensor> buffers = {};  // BatchNorm's statistics, in the order of the network's buffers(); none: a new network's
  BatchSource batches = {};
  std::int64_t iteration = 0;        // later than 0 when rewound to step k
  std::int64_t keep_values_at = -1;  // the iteration whose weights later trainings rewind to; -1: none
  bool keep_final = false;           // save the trained weights as a checkpoint
  // Prunes while the training goes on, if there is one; the density of results.csv is then that at the end.
  std::function<std::unique_ptr<prune::During>(nn::Module& net)> during = {};
  Metadata about = {};           // what that checkpoint says besides
  std::string title = {};  // what progress calls it; by default its arm, level and density
  // Where channels are cut out: the smaller network, in place of the recipe's, and what results.csv calls its density.
  std::function<std::unique_ptr<nn::Sequential>()> network = {};
  std::optional<double> density = {};
  std::function<Tensor(const Tensor& outputs, const Batch& batch)> loss = {};  // none: cross_entropy
};

struct Training {
  std::vector<nn::Evaluation> record;
  std::vector<Tensor> final_values, final_masks, final_buffers;  // with keep_final
  std::vector<Tensor> kept_values, kept_buffers;  // at keep_values_at
};

class Trainings {
 public:
  // ids: all trainings, in the order of results.csv. What an earlier run has finished is checked and taken over.
  // before: those that go by another recipe and come first in results.csv; they have been run.
  Trainings(const Recipe& recipe, RunFolder& folder, Progress& progress, const std::vector<TrainingId>& ids,
            const std::vector<TrainingId>& before = {});

  ~Trainings();

  // Thread-safe: several trainings may run at once.
  Training run(const TrainingId& id, const Start& start) const;

  // From here on trainings that are run at the same time, from as many threads, are trained as one (nn/together.h), at most so many: for networks so small that one leaves a GPU
  // idle. They stay masked, not packed.
  void together(std::size_t most);

 private:
  class One;
  class Company;
  std::string title(const TrainingId& id, double kept_fraction) const;
  const Recipe& recipe_;
  RunFolder& folder_;
  Progress& progress_;
  bool several_trials_ = false, several_repeats_ = false;
  std::unique_ptr<Company> company_;
};

// How many seconds so many trainings, with so many steps in all, would take one after the other: measured on networks
// that are thrown away, one of each density (masked at random, in the form that trainings would choose), and averaged.
double seconds_for(const Recipe& recipe, BatchSource batches, std::int64_t trainings, std::int64_t steps,
                   const std::vector<double>& densities = {1});
// Every third of the densities at levels 0, 1, ..., rounds, which fall by `rate` from one to the next.
std::vector<double> densities_of_levels(double rate, std::int64_t rounds);

// The kept fraction of all prunable weights (those with two or more axes).
double density(const std::vector<Tensor>& values, const std::vector<Tensor>& masks);

// A training's rows of results.csv, and back. Numbers are written so that they read back exactly; rows that to_csv
// cannot have written are refused.
inline constexpr const char* csv_header =
    "trial,arm,repeat,level,density,iteration,val_loss,val_accuracy,test_loss,test_accuracy\n";
std::string to_csv(const TrainingId& id, double density, const std::vector<nn::Evaluation>& record);
struct Rows {
  double density;
  std::vector<nn::Evaluation> record;
};
Rows from_csv(const TrainingId& id, const std::string& rows);

}  // namespace bonsai::experiments
