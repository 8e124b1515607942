// Trainings that are run at the same time, trained as one.
#pragma once
#include <condition_variable>
#include <exception>
#include <mutex>

#include "experiments/common/trainings.h"

namespace bonsai::experiments {

// Whoever comes waits a moment for others; then one of them runs all that are there. Who keeps whom company depends on the clock, what each learns does not (nn/together.h).
class Trainings::Company {
 public:
  Company(const Trainings& all, std::size_t most) : all_(all), most_(most) {}
  Training run(const TrainingId& id, const Start& start);

 private:
  struct Waiting {
    const TrainingId& id;
    const Start& start;
    bool taken = false, done = false;
    Training result = {};
    std::exception_ptr error = {};
  };
  void lead(std::unique_lock<std::mutex>& lock);
  void train(const std::vector<Waiting*>& group) const;

  const Trainings& all_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting*> waiting_;
  bool running_ = false;
};

}  // namespace bonsai::experiments
