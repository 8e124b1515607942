#include "experiments/common/quadratic_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/cholesky.h"
#include "core/ops.h"
#include "experiments/common/figures.h"

namespace bonsai::experiments {
namespace {

struct Point {
  double x, y;
};

double distance(Point p, Point a, Point b) {  // from p to the line from a to b
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// The contour on which the loss is `level`: w + √(2 level) L⁻ᵀ (cos t, sin t), where H = L Lᵀ in the plane.
std::vector<Point> contour(const Tensor& plane, Point w, double level) {
  const Tensor l = cholesky(plane)->inverse;
  std::vector<Point> points;
  for (int i = 0; i <= 360; ++i) {
    const double r = std::sqrt(2 * level), c = r * std::cos(i * M_PI / 180), s = r * std::sin(i * M_PI / 180);
    points.push_back({w.x + l.at(0) * c + l.at(2) * s, w.y + l.at(1) * c + l.at(3) * s});
  }
  return points;
}

// The losses to draw contours of, highest first: those at the arrows' ends, and steps of equal ratio between and beyond them.
std::vector<double> levels(std::vector<double> ends) {
  std::erase_if(ends, [](double v) { return v < 1e-9; });
  if (ends.empty()) ends = {1};
  std::sort(ends.begin(), ends.end());
  const double low = ends.front(), high = ends.back();
  const int steps = high > 1.01 * low ? std::max(1, static_cast<int>(std::lround(std::log(high / low) / std::log(1.8)))) : 1;
  const double ratio = high > 1.01 * low ? std::pow(high / low, 1.0 / steps) : 1.8;
  std::vector<double> all;
  for (int k = steps + 3; k >= -2; --k) all.push_back(low * std::pow(ratio, k));
  return all;
}

}  // namespace

std::string shown(double v) { return std::isnan(v) ? "-" : fmt::format("{:.4g}", std::abs(v) < 1e-9 ? 0 : v); }
std::string shown(const std::vector<double>& v) {
  std::string text;
  for (double x : v) text += fmt::format("{}{}", text.empty() ? "(" : ", ", shown(x));
  return text += ")";
}

void draw_deletions(const std::filesystem::path& figures, const Tensor& hessian, const Tensor& minimum,
                    const std::vector<std::string>& methods, const std::vector<Deletion>& all, const std::string& source) {
  static const std::vector<std::string> colours{"#b3202c", "#2f8f4e", "#1f5fbf"};
  const Tensor plane = slice(slice(hessian, 0, 0, 2), 1, 0, 2);
  const Point w{minimum.at(0), minimum.at(1)};
  auto loss = [&](Point p) {
    const double x = p.x - w.x, y = p.y - w.y;
    return 0.5 * (plane.at(0) * x * x + 2 * plane.at(1) * x * y + plane.at(3) * y * y);
  };
  std::string script, words;
  std::vector<double> ends;
  double left = std::min(0.0, w.x), right = std::max(0.0, w.x), bottom = std::min(0.0, w.y), top = std::max(0.0, w.y);
  std::vector<Point> tips;
  for (const Deletion& d : all) {
    tips.push_back({d.after[0], d.after[1]});
    if (d.weight < 2) ends.push_back(loss(tips.back()));
    left = std::min(left, d.after[0]), right = std::max(right, d.after[0]), bottom = std::min(bottom, d.after[1]),
    top = std::max(top, d.after[1]);
  }
  const double pad = 0.45 * std::max({right - left, top - bottom, 1e-3}), height = top - bottom + 2 * 0.75 * pad;
  left -= pad, right += pad, bottom -= 0.75 * pad, top += 0.75 * pad;

  // The land: filled contours, the highest first, each level's number where there is room.
  std::string data, plots;
  std::vector<Point> taken = tips;  // where text stands already
  const std::vector<double> heights = levels(ends);
  int index = 0;
  for (double level : heights) {
    const std::vector<Point> points = contour(plane, w, level);
    data += fmt::format("# loss {}: w1, w2\n", level);
    Point best{};
    double room = 0;
    for (const Point& p : points) {
      data += fmt::format("{} {}\n", p.x, p.y);
      if (p.x < left + pad / 6 || p.x > right - pad / 6 || p.y < bottom + height / 30 || p.y > top - height / 30) continue;
      double free = height;
      for (const Point& t : taken) free = std::min(free, std::hypot(p.x - t.x, p.y - t.y));
      for (const Point& tip : tips) free = std::min(free, distance(p, w, tip));
      if (free > room) room = free, best = p;
    }
    data += "\n\n";
    const double t = (index + 1.0) / static_cast<double>(heights.size());  // the lower, the lighter
    const bool at_an_end = std::any_of(ends.begin(), ends.end(), [&](double e) { return std::abs(e - level) < 1e-6 * level; });
    plots += fmt::format("{}data index {} using 1:2 with filledcurves closed fillcolor rgb '#{:02x}{:02x}{:02x}' notitle",
                         plots.empty() ? "plot " : ", \\\n    ", index, static_cast<int>(175 + 80 * t), static_cast<int>(188 + 67 * t),
                         static_cast<int>(222 + 33 * t));
    plots += fmt::format(", \\\n    data index {} using 1:2 with lines linewidth {} linecolor rgb '#7788aa' notitle", index,
                         at_an_end ? 1.8 : 0.7);
    if (room > height / 12) taken.push_back(best);
    if (room > height / 12)
      words += fmt::format("set label '{:.3g}' at {},{} center font ',9' textcolor rgb '#556688' front\n", level, best.x, best.y);
    ++index;
  }

  // The arrows, each with its method and cost beyond the tip; what happens in words beside the picture.
  for (std::size_t m = 0; m < all.size(); ++m) {
    const Deletion& d = all[m];
    auto same_tip = [&](std::size_t from, std::size_t to) {  // how many of these end where this one does
      return std::count_if(tips.begin() + from, tips.begin() + to,
                           [&](Point t) { return std::hypot(t.x - tips[m].x, t.y - tips[m].y) < 1e-9; });
    };
    const double dx = tips[m].x - w.x, dy = tips[m].y - w.y, length = std::hypot(dx, dy);
    if (length > 1e-9)  // (of arrows to one tip the later are thinner, so that all can be seen)
      script += fmt::format("set arrow from {},{} to {},{} front head filled size screen 0.018,20 linewidth {} linecolor rgb '{}'\n", w.x,
                            w.y, tips[m].x, tips[m].y, 3 + 3 * same_tip(m + 1, all.size()), colours[m]);
    const double side = length > 1e-9 ? dx / length : 0, rise = length > 1e-9 ? 1.2 * dy / length : 1.5;
    const double lines = static_cast<double>(same_tip(0, m)) * 1.3;
    words += fmt::format("set label '{} {}' at {},{} {} offset {},{} font ',12' textcolor rgb '{}' front\n", methods[m], shown(d.cost),
                         tips[m].x, tips[m].y,
                         side < -0.5  ? "right"
                         : side > 0.5 ? "left"
                                      : "center",
                         1.2 * side, rise + (rise < 0 ? -lines : lines), colours[m]);
    if (d.weight == 2)
      words += fmt::format("set label '' at {},{} point pointtype 6 pointsize {} linewidth 2.5 linecolor rgb '{}' front\n", w.x, w.y,
                           2.6 + lines, colours[m]);
    std::string text = fmt::format("{}: w{} → 0", methods[m], d.weight + 1);
    if (d.weight == 2) text += ",\\nstraight at us out of the picture";
    for (std::int64_t i = 0; i < minimum.numel(); ++i)
      if (i != d.weight && std::abs(d.after[i] - minimum.at(i)) > 1e-9)
        text += fmt::format(",\\nand w{} moves from {} to {}", i + 1, shown(minimum.at(i)), shown(d.after[i]));
    words += fmt::format("set label \"{}\\nThe loss rises by {}.\" at graph 1.03, graph {} left textcolor rgb '{}'\n", text, shown(d.cost),
                         0.95 - 0.2 * static_cast<double>(m), colours[m]);
  }
  if (const Deletion& obs = all[2]; obs.weight < 2) {  // the same weight deleted while the others stay
    const Point alone{obs.weight == 0 ? 0 : w.x, obs.weight == 1 ? 0 : w.y};
    const bool free = std::none_of(tips.begin(), tips.end(), [&](Point t) { return std::hypot(t.x - alone.x, t.y - alone.y) < 1e-9; });
    if (free)
      words += fmt::format(
          "set label '{}' at {},{} left offset 0.8,0.7 point pointtype 6 pointsize 1.2 textcolor rgb '#444444' front\n"
          "set label \"hollow point: w{} → 0,\\nand the others stay\" at graph 1.03, graph 0.3 left textcolor rgb '#444444'\n",
          shown(all[1].scores[obs.weight]), alone.x, alone.y, obs.weight + 1);
  }
  words += fmt::format("set label '' at {},{} point pointtype 7 pointsize 1.1 linecolor rgb '#000000' front\n", w.x, w.y);
  const std::vector<double>& sizes = all[0].scores;
  const bool largest = sizes[all[2].weight] == *std::max_element(sizes.begin(), sizes.end());
  const std::string frame = fmt::format(
      R"gp(set title "OBS deletes w{}{} for {}; magnitude deletes w{}, the smallest, for {}\n{{/*0.8 contours of the loss ½ d^TH d around its minimum {}; {}}}"
set xlabel 'w1'
set ylabel 'w2'
set size ratio -1
set xrange [{}:{}]
set yrange [{}:{}]
set object 1 rectangle from graph 0, graph 0 to graph 1, graph 1 behind fillcolor rgb '#afbcde' fillstyle solid noborder
set rmargin 32
set arrow from graph 0, first 0 to graph 1, first 0 nohead linecolor rgb '#555555' dashtype 3 front
set arrow from first 0, graph 0 to first 0, graph 1 nohead linecolor rgb '#555555' dashtype 3 front
)gp",
      all[2].weight + 1, largest ? ", the largest weight," : "", shown(all[2].cost), all[0].weight + 1, shown(all[0].cost),
      shown(minimum.to_vector<double>()), gnuplot_text(source), left, right, bottom, top);
  plot(figures, "obs_picture", data, frame + script + words + plots + "\n", 1150, 640);
}

}  // namespace bonsai::experiments
