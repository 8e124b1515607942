#include "experiments/common/scratch.h"

#include <cmath>
#include <filesystem>

#include "experiments/common/figures.h"

namespace bonsai::experiments {
namespace {

std::filesystem::path picture(const char* who, const std::string& png) {
  const std::filesystem::path path(png);
  require(path.extension() == ".png" && path.stem() != "", "{}: \"{}\" is no picture's name; call it {}.png", who, png, path.stem().empty() ? "a" : path.stem().string());
  return path;
}

void require_finite(const char* who, const char* what, const Tensor& t) {
  require(t.defined() && t.numel() > 0, "{}: {} has no entries", who, what);
  for (std::int64_t i = 0; i < t.numel(); ++i) require(std::isfinite(t.at(i)), "{}: {} is {} at entry {}; only finite numbers can be drawn", who, what, t.at(i), i);
}

}  // namespace

void print(const Tensor& t) { fmt::print("{}\n", str(t)); }
void print(const std::string& name, const Tensor& t) { fmt::print("{}: {}\n", name, str(t)); }

void heatmap(const Tensor& t, const std::string& png) {
  const std::filesystem::path file = picture("heatmap", png);
  require_finite("heatmap", "the tensor", t);
  const int rank = t.rank();
  const std::int64_t w = rank > 0 ? t.size(-1) : 1, h = rank > 1 ? t.size(-2) : 1;
  require(h * w == t.numel(), "heatmap: {} is not one matrix; draw a slice of it, or reshape it to (rows, columns)", t.shape());
  double low = t.at(0), high = low;
  for (std::int64_t i = 1; i < t.numel(); ++i) low = std::min(low, t.at(i)), high = std::max(high, t.at(i));
  require(h <= 4096 && w <= 4096, "heatmap: {} by {} pixels; at most 4096 by 4096 are drawn", h, w);
  Tensor shifted = empty({h, w}, DType::f64);
  const auto to = shifted.mutable_data<double>();
  for (std::int64_t i = 0; i < t.numel(); ++i) to[i] = t.at(i) - low;
  heat_maps(file, {shifted}, static_cast<int>(std::max<std::int64_t>(1, 600 / std::max(h, w))));
  fmt::print("{}: {}, dark {:.4g}, bright {:.4g}\n", png, t.shape(), low, high);
}

void plot(const Tensor& x, const Tensor& y, const std::string& png) {
  const std::filesystem::path file = picture("plot", png);
  require_finite("plot", "x", x);
  require_finite("plot", "y", y);
  const std::int64_t n = x.numel(), lines = y.rank() == 2 ? y.size(0) : 1;
  require(x.rank() == 1 && y.numel() == lines * n, "plot: x {} and y {} do not fit; x is (n), y (n) or (lines, n)", x.shape(), y.shape());
  require_gnuplot();
  std::string data, script = "set grid linecolor rgb '#dddddd'\nset tics nomirror\nset border 3\nplot ";
  for (std::int64_t line = 0; line < lines; ++line)
    script += fmt::format("{}data using 1:{} with lines linewidth 2 {}", line ? ", " : "", line + 2, lines == 1 ? "notitle" : fmt::format("title 'y[{}]'", line));
  for (std::int64_t i = 0; i < n; ++i) {
    data += fmt::format("{:.10g}", x.at(i));
    for (std::int64_t line = 0; line < lines; ++line) data += fmt::format(" {:.10g}", y.at(line * n + i));
    data += '\n';
  }
  const std::filesystem::path folder = file.parent_path().empty() ? "." : file.parent_path();
  plot(folder, file.stem().string(), data, script + "\n", 800, 500);
  fmt::print("{}: {} points, y from {:.4g} to {:.4g}\n", png, n, min(y).item(), max(y).item());
}

}  // namespace bonsai::experiments
