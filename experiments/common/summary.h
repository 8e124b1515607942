// summary.json: numbers under names, in the order in which they are put. NaN becomes null.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bonsai::experiments {

class Summary {
 public:
  Summary();
  ~Summary();
  using Path = std::vector<std::string>;  // {"problems", "monks-1", "obs", "weights", "median"}
  void put(const Path& path, double value);
  void put(const Path& path, std::int64_t value);
  void put(const Path& path, int value) { put(path, std::int64_t{value}); }
  void put(const Path& path, const std::string& text);
  std::string json() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bonsai::experiments
