#include "datasets/toys.h"

#include <cmath>

namespace bonsai::datasets {
namespace {

constexpr double turn = 6.283185307179586;

std::vector<std::string> numbered(int classes) {
  std::vector<std::string> names;
  for (int c = 0; c < classes; ++c) names.push_back(std::to_string(c));
  return names;
}

// n examples a class, class after class; `feature(c, i, f)` is feature f of example i of class c.
template <class F>
Dataset make(const char* name, std::int64_t n, int classes, std::int64_t features, F feature) {
  require(n >= 1 && classes >= 1, "{}: {} examples of each of {} classes; both must be at least 1", name, n, classes);
  Dataset d{name, empty({n * classes, features}), empty({n * classes}, DType::i64), numbered(classes)};
  auto x = d.inputs.mutable_data<float>();
  auto y = d.labels.mutable_data<std::int64_t>();
  for (int c = 0; c < classes; ++c)
    for (std::int64_t i = 0; i < n; ++i) {
      y[c * n + i] = c;
      for (std::int64_t f = 0; f < features; ++f) x[(c * n + i) * features + f] = static_cast<float>(feature(c, i, f));
    }
  return d;
}

}  // namespace

Dataset xor_set() {
  return {"xor", tensor<float>({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}), tensor<std::int64_t>({0, 1, 1, 0}), numbered(2)};
}

Dataset spirals(std::int64_t n_per_arm, int arms, double noise, Random stream) {
  return make("spirals", n_per_arm, arms, 2, [&](int arm, std::int64_t i, std::int64_t f) {
    const double t =
        n_per_arm == 1 ? 1 : static_cast<double>(i) / static_cast<double>(n_per_arm - 1);  // 0 inside, 1 outside
    const double radius = 0.1 + 0.9 * t, angle = turn * (1.5 * t + static_cast<double>(arm) / arms);
    return radius * (f == 0 ? std::cos(angle) : std::sin(angle)) + noise * stream.normal();
  });
}

Dataset blobs(std::int64_t n_per_class, int classes, double deviation, Random stream, std::int64_t features) {
  require(features >= 2, "blobs: {} features; at least 2 are needed for the centres", features);
  return make("blobs", n_per_class, classes, features, [&](int c, std::int64_t, std::int64_t f) {
    const double angle = turn * c / classes, centre = f == 0 ? std::cos(angle) : f == 1 ? std::sin(angle) : 0;
    return centre + deviation * stream.normal();
  });
}

}  // namespace bonsai::datasets
