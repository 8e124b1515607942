// Google Benchmark's cases with tables of our own at the end: runs them and keeps the median of each one's repetitions.
#pragma once
#include <benchmark/benchmark.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bonsai::bench {

class Results : public benchmark::BenchmarkReporter {
 public:
  // `defaults` are options of Google Benchmark's, which those of the command line override; what is none of its own is left in rest().
  Results(int argc, char** argv, std::vector<std::string> defaults) {
    words_.emplace_back(argv[0]);
    words_.insert(words_.end(), defaults.begin(), defaults.end());
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      words_.emplace_back(word);
      listing_ |= word.starts_with("--benchmark_list_tests") && !word.ends_with("false");
      if (word.starts_with("--benchmark_format=")) console_ = word.ends_with("=console");
    }
    std::vector<char*> pointers;
    for (std::string& word : words_) pointers.push_back(word.data());
    int count = static_cast<int>(pointers.size());
    pointers.push_back(nullptr);
    benchmark::Initialize(&count, pointers.data());
    for (int i = 1; i < count; ++i) rest_.emplace_back(pointers[i]);
    inner_ = benchmark::CreateDefaultDisplayReporter();
  }
  const std::vector<std::string>& rest() const { return rest_; }
  bool listing() const { return listing_; }  // only the cases' names are wanted
  bool console() const { return console_; }  // stdout is for people: our tables instead of Google Benchmark's

  void run() { benchmark::RunSpecifiedBenchmarks(this); }
  bool empty() const { return seconds_.empty(); }
  // Medians; NaN of what did not run. Seconds are the thread's own, in which others that use the machine do not count, or the case's own.
  double seconds(const std::string& name) const { return median(seconds_, name); }
  double counter(const std::string& name, const std::string& which) const { return median(counters_, name + " " + which); }

 private:
  bool ReportContext(const Context& context) override { return console_ || inner_->ReportContext(context); }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.iterations == 0) continue;
      const double seconds = run.run_name.time_type == "manual_time" ? run.real_accumulated_time : run.cpu_accumulated_time;
      seconds_[run.run_name.function_name].push_back(seconds / static_cast<double>(run.iterations));
      for (const auto& [name, value] : run.counters) counters_[run.run_name.function_name + " " + name].push_back(value);
    }
    if (!console_) inner_->ReportRuns(runs);
  }
  void Finalize() override {
    if (!console_) inner_->Finalize();
  }
  static double median(const std::map<std::string, std::vector<double>>& all, const std::string& name) {
    const auto found = all.find(name);
    if (found == all.end()) return std::numeric_limits<double>::quiet_NaN();
    std::vector<double> v = found->second;
    std::sort(v.begin(), v.end());
    return 0.5 * (v[(v.size() - 1) / 2] + v[v.size() / 2]);
  }

  std::vector<std::string> words_, rest_;
  bool listing_ = false, console_ = true;
  benchmark::BenchmarkReporter* inner_ = nullptr;  // the one that --benchmark_format asks for; the library's
  std::map<std::string, std::vector<double>> seconds_, counters_;
};

}  // namespace bonsai::bench
