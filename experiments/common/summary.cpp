#include "experiments/common/summary.h"

#include <cmath>
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

}  // namespace bonsai::experiments
