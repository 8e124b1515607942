#include "prune/scores/geometric_median.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/ops.h"
#include "prune/scores/fpgm.h"

namespace bonsai::prune {
namespace {

using Point = std::vector<double>;

// Everything that a step needs to know about a point x.
struct Look {
  double sum = 0;     // f(x)
  double at = 0;      // η: how many filters lie at x
  Point pull;         // R: the sum of the unit vectors from x to the other filters, -∇f away from them
  Point average;      // T: the filters' average, weighted by 1 / distance
  double strength;    // ‖R‖
  double slope() const { return std::max(0.0, strength - at); }
};

Look look(std::span<const double> filters, const Point& x) {
  const std::size_t d = x.size();
  Look l{.pull = Point(d, 0), .average = Point(d, 0), .strength = 0};
  double weights = 0;
  for (std::size_t j = 0; j < filters.size() / d; ++j) {
    const double* f = &filters[j * d];
    double squares = 0;
    for (std::size_t k = 0; k < d; ++k) squares += (f[k] - x[k]) * (f[k] - x[k]);
    const double distance = std::sqrt(squares);
    l.sum += distance;
    if (distance == 0) {
      ++l.at;
      continue;
    }
    weights += 1 / distance;
    for (std::size_t k = 0; k < d; ++k) l.pull[k] += (f[k] - x[k]) / distance, l.average[k] += f[k] / distance;
  }
  for (double r : l.pull) l.strength += r * r;
  l.strength = std::sqrt(l.strength);
  if (weights == 0) l.average = x;  // all filters lie at x
  else
    for (double& t : l.average) t /= weights;
  return l;
}

}  // namespace

GeometricMedian geometric_median(const Tensor& w, const MedianOptions& options) {
  const Tensor sums = fpgm(w);  // (and refuses what it must)
  const std::int64_t n = sums.numel();
  const std::int64_t d = contiguous_strides(w.shape())[0];
  require(n > 0 && d > 0, "geometric median: {} has no filters with weights", w.shape());
  require(options.tolerance > 0 && options.most >= 0, "geometric median: the tolerance {} must be above 0, the steps {} not below", options.tolerance,
          options.most);
  const Shape one(std::span(w.shape().begin() + 1, w.shape().end()));
  require(!options.start.defined() || options.start.shape() == one, "geometric median: the start must be shaped as a filter, {}, got {}", one,
          options.start.defined() ? options.start.shape() : Shape{});

  const Tensor in_f64 = cast(w.detach(), DType::f64);
  const std::span<const double> filters = in_f64.data<double>(), s = sums.data<double>();
  const double enough = options.tolerance * static_cast<double>(n);
  const auto best = static_cast<std::size_t>(std::min_element(s.begin(), s.end()) - s.begin());
  Point x(&filters[best * d], &filters[best * d] + d);
  Look l = look(filters, x);
  if (l.slope() > enough && options.start.defined()) {
    x = cast(options.start.detach(), DType::f64).to_vector<double>();
    for (double v : x) require(std::isfinite(v), "geometric median: the start has {} in it", v);
    l = look(filters, x);
  }
  GeometricMedian m;
  for (; l.slope() > enough && m.steps < options.most; ++m.steps) {
    const double stay = l.at / l.strength;  // 0 away from the filters
    for (std::size_t k = 0; k < x.size(); ++k) x[k] = (1 - stay) * l.average[k] + stay * x[k];  // (wz.1)
    l = look(filters, x);
  }
  m.x = tensor(std::span<const double>(x), one);
  m.sum = l.sum;
  m.slope = l.slope();
  m.converged = m.slope <= enough;
  return m;
}

}  // namespace bonsai::prune
