#include "prune/compress/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace bonsai::prune {
namespace {

// The values in rising order, and the sums of all before each.
struct Sorted {
  std::vector<double> v, sum{0}, squares{0};
  explicit Sorted(std::span<const float> values) : v(values.begin(), values.end()) {
    std::sort(v.begin(), v.end());
    for (double x : v) sum.push_back(sum.back() + x), squares.push_back(squares.back() + x * x);
  }
  std::size_t n() const { return v.size(); }
  double mean(std::size_t i, std::size_t j) const {  // of those from i to before j
    return std::clamp((sum[j] - sum[i]) / static_cast<double>(j - i), v[i], v[j - 1]);
  }
  double cost(std::size_t i, std::size_t j) const {  // their squared distance from it
    const double s = sum[j] - sum[i];
    return std::max(0.0, squares[j] - squares[i] - s * s / static_cast<double>(j - i));
  }
};

std::vector<double> begin_with(Centroids how, const Sorted& s, std::size_t k, Random& random) {
  std::vector<double> c(k);
  for (std::size_t i = 0; i < k; ++i) {
    const double t = static_cast<double>(i), all = static_cast<double>(k);
    if (how == Centroids::linear) c[i] = k == 1 ? (s.v.front() + s.v.back()) / 2 : s.v.front() + (s.v.back() - s.v.front()) * t / (all - 1);
    if (how == Centroids::density) c[i] = s.v[static_cast<std::size_t>((t + 0.5) / all * static_cast<double>(s.n()))];
  }
  if (how == Centroids::random) {
    const Tensor order = random.permutation(static_cast<std::int64_t>(s.n()));
    for (std::size_t i = 0; i < k; ++i) c[i] = s.v[static_cast<std::size_t>(order.data<std::int64_t>()[i])];
  }
  std::sort(c.begin(), c.end());
  return c;
}

using Bounds = std::vector<std::size_t>;  // cluster j has the sorted values from bounds[j] to before bounds[j + 1]

Bounds nearest(const Sorted& s, const std::vector<double>& c) {
  Bounds b{0};
  for (std::size_t j = 1; j < c.size(); ++j)
    b.push_back(static_cast<std::size_t>(std::upper_bound(s.v.begin(), s.v.end(), (c[j - 1] + c[j]) / 2) - s.v.begin()));
  b.push_back(s.n());
  return b;
}

// Gives the first empty cluster the value that lies farthest from its centroid, or takes the cluster away where no value is off. False: none is empty.
bool fill_empty(const Sorted& s, std::vector<double>& c, const Bounds& b) {
  std::size_t empty = 0;
  while (empty < c.size() && b[empty] < b[empty + 1]) ++empty;
  if (empty == c.size()) return false;
  double far = 0, value = 0;
  for (std::size_t j = 0; j < c.size(); ++j)
    for (const std::size_t i : {b[j], b[j + 1] - 1})  // of an interval the farthest is at an end
      if (b[j] < b[j + 1] && std::abs(s.v[i] - c[j]) > far) far = std::abs(s.v[i] - c[j]), value = s.v[i];
  c.erase(c.begin() + static_cast<std::ptrdiff_t>(empty));
  if (far > 0) c.insert(std::lower_bound(c.begin(), c.end(), value), value);
  return true;
}

Bounds lloyd(const Sorted& s, std::vector<double>& c, int& iterations) {
  Bounds b = nearest(s, c);
  for (iterations = 0; iterations < 10'000; ++iterations) {  // (each falls; the end is a guard against the last bit)
    while (fill_empty(s, c, b)) b = nearest(s, c);
    for (std::size_t j = 0; j < c.size(); ++j) c[j] = s.mean(b[j], b[j + 1]);  // (km.1)
    Bounds next = nearest(s, c);
    if (next == b) break;
    b = std::move(next);
  }
  return b;
}

// best[j], with m clusters, is the least cost of the first j values: over the places i where the last cluster begins. That place never falls
// with j, so halving the range of j halves what is left to look at.
struct Optimal {
  const Sorted& s;
  std::vector<double> before, best;
  std::vector<std::vector<std::uint32_t>> from;

  void rows(std::size_t low, std::size_t high, std::size_t first, std::size_t last) {  // for j from low to high, the place is within [first, last]
    if (low > high) return;
    const std::size_t j = (low + high) / 2;
    std::size_t at = first;
    best[j] = std::numeric_limits<double>::infinity();
    for (std::size_t i = first; i <= std::min(last, j - 1); ++i)
      if (const double c = before[i] + s.cost(i, j); c < best[j]) best[j] = c, at = i;
    from.back()[j] = static_cast<std::uint32_t>(at);
    if (j > low) rows(low, j - 1, first, at);
    rows(j + 1, high, at, last);
  }
  Bounds run(std::size_t k) {
    const std::size_t n = s.n();
    before.assign(n + 1, 0), best.assign(n + 1, 0), from.assign(1, std::vector<std::uint32_t>(n + 1, 0));
    for (std::size_t j = 1; j <= n; ++j) before[j] = s.cost(0, j);
    for (std::size_t m = 2; m <= k; ++m) {
      from.emplace_back(n + 1, 0);
      rows(m, n, m - 1, n);
      before = best;
    }
    Bounds b(k + 1, n);
    for (std::size_t m = k; m > 0; --m) b[m - 1] = from[m - 1][b[m]];
    return b;
  }
};

}  // namespace

Centroids centroids(const std::string& name) {
  static constexpr std::pair<const char*, Centroids> all[] = {
      {"linear", Centroids::linear}, {"density", Centroids::density}, {"random", Centroids::random}, {"optimal", Centroids::optimal}};
  for (const auto& [n, c] : all)
    if (name == n) return c;
  fail("k-means does not know \"{}\"; centroids begin linear, density or random, or are optimal", name);
}

Clusters kmeans(const std::string& who, std::span<const float> values, std::int64_t k, Centroids begin, Random random) {
  require(k >= 1, "{}: {} clusters; there must be one at least", who, k);
  for (std::size_t i = 0; i < values.size(); ++i) require(std::isfinite(values[i]), "{}: weight {} of those that are kept is {}, which has no nearest centroid", who, i, values[i]);
  require(k <= std::ssize(values), "{}: {} clusters for {} kept weights; take no more clusters than weights", who, k, values.size());
  const Sorted s(values);
  Clusters out;
  Bounds b;
  if (begin == Centroids::optimal) {
    std::size_t different = 1;
    for (std::size_t i = 1; i < s.n(); ++i) different += s.v[i] != s.v[i - 1];
    b = Optimal{s, {}, {}, {}}.run(std::min(static_cast<std::size_t>(k), different));
    for (std::size_t j = 0; j + 1 < b.size(); ++j) out.centroids.push_back(s.mean(b[j], b[j + 1]));
  } else {
    out.centroids = begin_with(begin, s, static_cast<std::size_t>(k), random);
    b = lloyd(s, out.centroids, out.iterations);
  }
  for (const float x : values) {  // equal values are never in two clusters: their bounds lie between values
    const auto next = std::upper_bound(b.begin() + 1, b.end() - 1, x, [&](double v, std::size_t i) { return v < s.v[i]; });
    const auto j = static_cast<std::size_t>(next - b.begin()) - 1;
    out.of.push_back(static_cast<std::int32_t>(j));
    out.error += (x - out.centroids[j]) * (x - out.centroids[j]);
  }
  return out;
}

}  // namespace bonsai::prune
