// How far a run is: a bar on stderr when that is a terminal, else a line for each finished training.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace bonsai::experiments {

std::string duration(double seconds);  // "45 s", "1 min 40 s", "2 h 05 min"

class Progress {
 public:
  Progress(std::string what, std::int64_t items, std::int64_t steps);  // "trainings", how many, and their steps in all
  ~Progress();

  void advance(std::int64_t steps,
               const std::string& where);  // steps done just now; where: "ticket, level 3: step 2100/4000, loss 0.012"
  void skip(std::int64_t steps);           // steps an earlier run has done
  void finish_item(const std::string& line);  // one more is finished; line says how it went

 private:
  void draw(const std::string& where);
  double seconds_left() const;
  std::mutex mutex_;
  std::string what_;
  std::int64_t items_, steps_, items_done_ = 0, steps_done_ = 0, steps_skipped_ = 0;
  bool terminal_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), drawn_ = start_;
};

}  // namespace bonsai::experiments
