// Error along the line, and instability against the step of the copy and against the weights left, for gnuplot.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/mode_lines.h"
#include "prune/recovery/linear_path.h"

namespace bonsai::experiments {
namespace {

const std::vector<const char*> shades{"#222222", "#1f5fbf", "#2f8f4e", "#d9651a", "#b3202c", "#7a3fb0"};
const std::vector<std::pair<const char*, const char*>> arms{{"ticket", "#1f5fbf"}, {"reinit", "#d9651a"}, {"random", "#7a3fb0"}};

// "same mask,\nnew weights", for a label at a line's end.
std::string two_lines(std::string words) {
  if (const std::size_t comma = words.find(", "); comma != std::string::npos) words.replace(comma, 2, ",\\n");
  return words;
}

struct Curve {
  std::string name, colour;
  std::vector<double> x, y, low, high;  // low and high: bars, where there are any
};

// One panel: its curves, labelled at their ends; a dashed line at `limit` if that is above 0.
struct Panel {
  std::string title, setup;  // gnuplot's words for its axes
  std::vector<Curve> curves;
  double limit = 0;
};

std::string write(const Panel& p, std::string& data, int& index, bool points) {
  double low = 1e9, high = p.limit;
  for (const Curve& c : p.curves) {
    low = std::min({low, *std::min_element(c.y.begin(), c.y.end()), c.low.empty() ? 1e9 : *std::min_element(c.low.begin(), c.low.end())});
    high = std::max({high, *std::max_element(c.y.begin(), c.y.end()), c.high.empty() ? 0 : *std::max_element(c.high.begin(), c.high.end())});
  }
  if (p.limit > 0) low = std::min(0.0, low);
  const double air = 0.08 * std::max(high - low, 0.1);
  high += air;
  low = p.limit > 0 ? low : std::max(0.0, low - air);
  std::vector<std::pair<double, std::string>> ends;
  std::string plots;
  for (const Curve& c : p.curves) {
    data += fmt::format("# {}: {}\n", p.title, c.name);
    for (std::size_t i = 0; i < c.x.size(); ++i)
      data += fmt::format("{:.6g} {:.6g}{}\n", c.x[i], c.y[i], c.low.empty() ? "" : fmt::format(" {:.6g} {:.6g}", c.low[i], c.high[i]));
    data += "\n\n";
    auto add = [&](const char* how) {
      plots += fmt::format("{}data index {} {} linecolor rgb '{}'", plots.empty() ? "plot " : ", \\\n  ", index, how, c.colour);
    };
    if (!c.low.empty()) add("using 1:2:3:4 with yerrorbars pointtype 0");
    add(points ? "using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.8" : "using 1:2 with lines linewidth 2");
    ++index;
    if (!c.name.empty()) ends.emplace_back(c.y.back(), fmt::format("\"{}\" textcolor rgb '{}'", two_lines(c.name), c.colour));
  }
  std::stable_sort(ends.begin(), ends.end(), [](auto& a, auto& b) { return a.first < b.first; });
  const bool tall = std::any_of(p.curves.begin(), p.curves.end(), [](const Curve& c) { return c.name.find(", ") != std::string::npos; });
  spread(ends, (high - low) / (tall ? 9 : 16), high);
  std::string labels;
  for (auto& [y, words] : ends) labels += fmt::format("set label {} at graph 1.03, first {:.5f} left\n", words, y);
  if (p.limit > 0)
    labels += fmt::format("set arrow from graph 0, first {0} to graph 1, first {0} nohead dashtype 2 linecolor rgb '#888888'\n"
                          "set label 'stable below' at graph 0.02, first {0} left offset 0, 0.7 textcolor rgb '#666666'\n",
                          p.limit);
  return fmt::format("unset label\nunset arrow\nset title '{}'\nset yrange [{:.5f}:{:.5f}]\n{}{}{}\n", p.title, low, high, p.setup, labels, plots);
}

void draw(const std::filesystem::path& figures, const char* name, const ModeLines& m, const Panel& left, const Panel& right, bool points) {
  std::string data;
  int index = 0;
  std::string script = fmt::format("set multiplot layout 1,2 title \"{}\\n{{/*0.8 {}; {}}}\"\nset grid linecolor rgb '#dddddd'\nunset key\n",
                                   gnuplot_text(m.finding()), gnuplot_text(m.seeds), gnuplot_text(m.command));
  script += write(left, data, index, points);
  if (!right.curves.empty()) script += write(right, data, index, points);
  plot(figures, name, data, script + "unset multiplot\n", 1300, 500);
}

Curve along(const Connection& c, const std::string& name, const std::string& colour) {
  Curve line{name, colour, {}, c.curve, {}, {}};
  for (std::size_t i = 0; i < c.curve.size(); ++i) line.x.push_back(static_cast<double>(i) / static_cast<double>(c.curve.size() - 1));
  return line;
}

void add_point(Curve& c, double x, const Connection& at, bool bars) {
  c.x.push_back(x);
  c.y.push_back(at.instability.mean);
  if (!bars) return;
  c.low.push_back(at.instability.min);
  c.high.push_back(at.instability.max);
}

}  // namespace

void ModeLines::draw(const std::filesystem::path& figures) const {
  const std::string place = "set xlabel 'from one copy (0) to the other (1)'\nset ylabel 'test error (%)'\nset xrange [0:1]\nset rmargin 18\n";
  Panel dense{"dense, copied at step k", place, {}}, pruned_lines{"", place, {}};
  for (std::size_t i = 0; i < steps.size(); ++i)
    dense.curves.push_back(along(at("dense", steps[i], 0), fmt::format("k = {}", steps[i]), shades[i % shades.size()]));
  if (!levels.empty()) {
    pruned_lines.title = fmt::format("{:.1f}% of the weights, rewound to step {}", 100 * pruned("ticket", levels.back()).density, rewind);
    for (auto [arm, colour] : arms) pruned_lines.curves.push_back(along(pruned(arm, levels.back()), legend(arm), colour));
    pruned_lines.curves.push_back(along(pruned("ticket", 0), "dense", shades[0]));
  }
  experiments::draw(figures, "line", *this, dense, pruned_lines, false);

  const bool bars = at("dense", steps.front(), 0).instability.min < at("dense", steps.front(), 0).instability.max || lines.back().of.trial > 0;
  std::string places, tics;
  Curve by_step{"", shades[0], {}, {}, {}, {}};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    places += fmt::format("{}'{}' {}", i == 0 ? "" : ", ", steps[i], i);
    add_point(by_step, static_cast<double>(i), at("dense", steps[i], 0), bars);
  }
  Panel left{"dense network", fmt::format("set xlabel 'step k of the copy'\nset ylabel 'instability (points of error)'\nset xrange [-0.3:{}.3]\n"
                                          "set xtics ({})\nset rmargin 4\n", steps.size() - 1, places), {by_step}, prune::stable_below};
  Panel right{"", "", {}, prune::stable_below};
  if (!levels.empty()) {
    std::vector<std::int64_t> all{0};
    all.insert(all.end(), levels.begin(), levels.end());
    for (auto [arm, colour] : arms) {
      Curve c{legend(arm), colour, {}, {}, {}, {}};
      for (std::int64_t level : all) add_point(c, 100 * pruned(arm, level).density, pruned(arm, level), bars);
      right.curves.push_back(c);
    }
    for (std::int64_t level : all) tics += fmt::format("{}{:.1f}", tics.empty() ? "" : ", ", 100 * pruned("ticket", level).density);
    right.title = fmt::format("pruned, rewound to step {}", rewind);
    right.setup = fmt::format("set logscale x\nset xlabel 'weights left (%)'\nset xrange [115:{:.3f}]\nset xtics ({})\nset rmargin 18\n",
                              100 * pruned("ticket", levels.back()).density / 1.15, tics);
  }
  experiments::draw(figures, "instability", *this, left, right, true);
}

}  // namespace bonsai::experiments
