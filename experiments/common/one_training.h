// One training of an experiment, from its start, or from where an earlier run left it, to its files. Included by trainings.cpp, one_training.cpp and company.cpp.
#pragma once
#include <chrono>
#include <filesystem>

#include "core/error.h"
#include "experiments/common/trainings.h"

namespace bonsai::experiments {

// Reads what an earlier run has left. Whatever is wrong with it ends in one line that names the file and says what to
// do.
template <class F>
auto taking_over(const std::filesystem::path& file, F&& read) {
  try {
    return read();
  } catch (const std::exception& e) {
    fail("{}: cannot be taken over ({}); start again in another folder with --out", file.string(), e.what());
  }
}

class Trainings::One {
 public:
  One(const Trainings& all, const TrainingId& id, const Start& start, bool packing);
  bool finished() const { return finished_; }  // by an earlier run
  nn::Hooks hooks();
  Training finish();

  std::unique_ptr<nn::Sequential> net;
  std::unique_ptr<nn::Optimizer> optimizer;
  nn::TrainOptions options;
  BatchSource batches;
  bool looks_at(std::int64_t iteration) const {
    return iteration == start_.keep_values_at || iteration % all_.recipe_.checkpoint_every == 0;
  }

 private:
  std::filesystem::path file(const std::string& name) const { return all_.folder_.file(name); }
  std::vector<Tensor> load_values(const std::filesystem::path& from) const;
  void load_kept();
  void take_over_finished(const std::string& rows);
  void take_up();
  void keep_values_if_due(std::int64_t iteration);
  void after_step(std::int64_t done, double loss);

  const Trainings& all_;
  const TrainingId& id_;
  const Start& start_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const std::filesystem::path final_file_, kept_file_, partial_file_;
  double kept_fraction_, evaluating_ = 0;
  std::string name_, packed_;
  std::vector<nn::Parameter*> parameters_;
  std::unique_ptr<prune::During> during_;
  std::int64_t counted_ = 0;
  bool finished_ = false;
  Training result_;
};

}  // namespace bonsai::experiments
