#include "tools/checkpoint/look.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "core/parallel.h"

namespace bonsai::tools {
namespace {

constexpr std::int64_t window_size = 1 << 18;

// Windows of whole rows, where there are rows.
struct Windows {
  std::int64_t row, window, many;
  explicit Windows(const FileTensor& t) {
    const std::int64_t size = t.shape.numel();
    row = t.shape.rank() < 2 || size == 0 ? 1 : size / t.shape[0];
    window = std::max<std::int64_t>(window_size / row, 1) * row;
    many = (size + window - 1) / window;
  }
};

// work(number, numbers as f64, how many, the window itself), in parallel.
template <class F>
void each_window(const SafeTensorsFile& in, const FileTensor& t, F&& work) {
  const Windows w(t);
  parallel_for(w.many, [&](std::int64_t k) {
    const std::int64_t n = std::min(w.window, t.shape.numel() - k * w.window);
    const Tensor x = in.read(t, k * w.window, n);
    Shape shape = t.shape;
    if (shape.rank() >= 2) shape[0] = n / w.row;
    work(k, cast(x, DType::f64).data<double>().data(), n, shape.rank() < 2 ? x : reshape(x, shape));
  });
}

// Printed with so many digits, only what is 1 looks like 1.
double below(double x, int digits) { return x < 1 ? std::min(x, 1 - std::pow(10, -digits)) : x; }

}  // namespace

Look look(const SafeTensorsFile& in, const FileTensor& t) {
  const std::int64_t size = t.shape.numel(), windows = Windows(t).many;
  const bool has_groups = t.shape.rank() >= 2 && size > 0 && (is_floating(t.type.becomes) || t.type.becomes == DType::u8);
  Look all;
  all.tensor = &t, all.size = size;
  std::vector<bool> grouped;
  for (const prune::NM& p : patterns) grouped.push_back(has_groups && prune::nm_refusal(t.shape, p).empty());

  std::vector<Look> parts(windows);
  each_window(in, t, [&](std::int64_t k, const double* x, std::int64_t n, const Tensor& rows) {
    Look& p = parts[k];
    p.min = INFINITY, p.max = -INFINITY;
    for (std::int64_t i = 0; i < n; ++i) {
      p.zeros += x[i] == 0;
      if (!std::isfinite(x[i])) {
        ++(std::isnan(x[i]) ? p.nans : p.infinities);
        continue;
      }
      p.min = std::min(p.min, x[i]), p.max = std::max(p.max, x[i]), p.norm += x[i] * x[i];
    }
    for (std::size_t j = 0; j < patterns.size(); ++j)  // the number of groups that fit
      p.conformity.push_back(grouped[j] ? std::nearbyint(prune::nm_conformity(rows, patterns[j]) * static_cast<double>(n / patterns[j].m)) : 0);
  });
  all.min = INFINITY, all.max = -INFINITY;
  std::vector<double> fit(patterns.size());
  for (std::int64_t k = 0; k < windows; ++k) {
    const Look& p = parts[k];
    all.zeros += p.zeros, all.nans += p.nans, all.infinities += p.infinities, all.norm += p.norm;
    all.min = std::min(all.min, p.min), all.max = std::max(all.max, p.max);
    for (std::size_t j = 0; j < patterns.size(); ++j) fit[j] += p.conformity[j];
  }
  all.norm = std::sqrt(all.norm);
  if (all.min > all.max) all.min = all.max = 0;  // no finite number
  for (std::size_t j = 0; j < patterns.size(); ++j) all.conformity.push_back(grouped[j] ? fit[j] / static_cast<double>(size / patterns[j].m) : -1);

  const double largest = all.largest();
  if (largest > 0) {
    each_window(in, t, [&](std::int64_t k, const double* x, std::int64_t n, const Tensor&) {
      const auto bins = static_cast<double>(all.counts.size());
      for (std::int64_t i = 0; i < n; ++i)
        if (x[i] != 0 && std::isfinite(x[i])) ++parts[k].counts[static_cast<std::size_t>(std::clamp((x[i] / largest + 1) / 2 * bins, 0.0, bins - 1))];
    });
    for (std::int64_t k = 0; k < windows; ++k)
      for (std::size_t b = 0; b < all.counts.size(); ++b) all.counts[b] += parts[k].counts[b];
  }
  return all;
}

std::string bars(const Look& l) {
  static constexpr const char* heights[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::array<std::int64_t, 32> sums{};
  for (std::size_t b = 0; b < l.counts.size(); ++b) sums[b / 3] += l.counts[b];
  const std::int64_t top = std::max<std::int64_t>(1, *std::ranges::max_element(sums));
  std::string line;
  for (const std::int64_t n : sums) line += heights[n == 0 ? 0 : 1 + static_cast<int>(7 * n / top)];  // (what is there shows)
  return line;
}

std::string table(const std::vector<Look>& all) {
  std::size_t name = 6, shape = 5;
  for (const Look& l : all) name = std::max(name, printable(l.tensor->name, 60).size()), shape = std::max(shape, str(l.tensor->shape).size());
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<5}  {:>11}  {:>7}", "tensor", name, "shape", shape, "dtype", "numbers", "density");
  for (const prune::NM& p : patterns) text += fmt::format("  {:>5}", p.str());
  text += fmt::format("  {:>9}  {:>9}  {:>9}  {}\n", "min", "max", "norm", "from -largest to largest, zeros left out");
  std::int64_t size = 0, zeros = 0;
  for (const Look& l : all) {
    text += fmt::format("{:<{}}  {:<{}}  {:<5}  {:>11}  {:>7.4f}", printable(l.tensor->name, 60), name, str(l.tensor->shape), shape,
                        l.tensor->type.name, l.size, below(l.density(), 4));
    for (const double c : l.conformity) text += c < 0 ? fmt::format("  {:>5}", "-") : fmt::format("  {:>5.3f}", below(c, 3));
    text += fmt::format("  {:>9.4g}  {:>9.4g}  {:>9.4g}  |{}|", l.min, l.max, l.norm, bars(l));
    if (l.nans > 0) text += fmt::format("  {} NaN", l.nans);
    if (l.infinities > 0) text += fmt::format("  {} infinite", l.infinities);
    text += '\n';
    if (l.is_weight()) size += l.size, zeros += l.zeros;
  }
  if (size == 0) return text;
  return text + fmt::format("{} of {} weights (floating, two axes or more) are not 0: {:.2f}%\n", size - zeros, size,
                            100 * below(static_cast<double>(size - zeros) / static_cast<double>(size), 4));
}

}  // namespace bonsai::tools
