// The folder of one run. Everything in it is written whole or not at all, so that a run can be killed at any moment and
// taken up.
//
//   config.json    every setting, seed, revision, compiler, CPU        timing.json   every duration; no other file
//   holds a time results.csv    one row a measurement, at every moment a prefix of the final file parts/         what
//   each training has measured, from which results.csv is put together checkpoints/   weights and masks as safetensors
//   figures/      PNG, SVG, and the scripts and data that drew them report.html    all of it on one page summary.json
//   the headline numbers; written last: the run is done
#pragma once
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "experiments/common/options.h"

namespace bonsai::experiments {

class RunFolder {
 public:
  // Finds the folder and refuses one that holds another run or anything else; writes nothing. dataset is part of the
  // default name.
  RunFolder(const Options& options, const std::string& dataset);
  bool finished() const { return finished_; }  // nothing to do but to show the summary again
  // Makes the folder ready for the run: config.json and the folders in it. Called when all that can be refused has
  // been.
  void begin();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, std::string_view bytes) const;
  bool has(const std::string& name) const;
  std::string read(const std::string& name) const;

  // results.csv is `header` followed by the parts in the order of `ids`; add_part keeps the file a prefix of that.
  // Thread-safe. Parts that an earlier run has finished are there from the start.
  void plan_results(std::string header, std::vector<std::string> ids);
  void write_results() const;
  void add_part(const std::string& id, const std::string& rows);
  std::string part(const std::string& id) const;  // its rows; empty if it is not finished

  // Adds up durations in timing.json. Thread-safe.
  void add_time(const std::string& what, double seconds);

 private:
  void write_results_locked() const;
  void point_latest() const;
  std::filesystem::path path_;
  std::string config_;
  bool by_default_, finished_ = false;
  mutable std::mutex mutex_;
  std::string header_;
  std::vector<std::string> ids_;
  std::map<std::string, std::string> parts_;
  std::map<std::string, double> seconds_;
};

}  // namespace bonsai::experiments
