#include "experiments/common/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace bonsai::experiments {

struct Summary::Impl {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  nlohmann::ordered_json& at(const Path& path) {
    nlohmann::ordered_json* j = &root;
    for (const std::string& key : path) j = &(*j)[key];
    return *j;
  }
};

Summary::Summary() : impl_(std::make_unique<Impl>()) {}
Summary::~Summary() = default;
void Summary::put(const Path& path, double value) {
  if (std::isfinite(value)) impl_->at(path) = value;
  else impl_->at(path) = nullptr;
}
void Summary::put(const Path& path, std::int64_t value) { impl_->at(path) = value; }
void Summary::put(const Path& path, const std::string& text) { impl_->at(path) = text; }
std::string Summary::json() const { return impl_->root.dump(2) + "\n"; }

double median(std::vector<double> v) {
  if (v.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(v.begin(), v.end());
  const std::size_t n = v.size();
  return n % 2 == 1 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

double mean(const std::vector<double>& v) {
  double total = 0;
  for (double x : v) total += x;
  return total / static_cast<double>(v.size());
}

}  // namespace bonsai::experiments
