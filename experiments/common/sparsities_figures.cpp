// Accuracy against sparsity, a line an arm; and sparsity and accuracy during training, for gnuplot.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/common/figures.h"
#include "experiments/common/sparsities.h"

namespace bonsai::experiments {
namespace {

const std::map<std::string, std::string> colours{{"dense", "#222222"},   {"oneshot", "#2f8f4e"}, {"iterative", "#1f5fbf"}, {"gradual", "#b3202c"},
                                                 {"static", "#8a8a8a"},  {"set", "#d9651a"},     {"rigl", "#b8860b"},      {"woodfisher", "#7a3fb0"}};

using Ends = std::vector<std::pair<double, std::string>>;  // where a line ends, and whose it is

// The ends' names beside the right border.
std::string labels(Ends ends, double low, double high, int lines) {
  std::sort(ends.begin(), ends.end());
  for (auto& [y, arm] : ends) y = std::clamp(y, low, high);
  spread(ends, (high - low) / lines, high);
  std::string out = "unset label\n";
  for (auto& [y, arm] : ends)
    out += fmt::format("set label '{}' at graph 1.015, first {:.4f} left textcolor rgb '{}'\n", arm_in_words(arm), y, colours.at(arm));
  return out;
}

std::string title(const Sparsities& s, const std::string& finding) {
  return fmt::format("\"{}\\n{{/*0.8 {}; {}}}\"", gnuplot_text(finding), gnuplot_text(s.seeds), gnuplot_text(s.command));
}

// sparsity.png: weights left on a logarithmic axis, the fewest at the right.
void draw_sparsity(const Sparsities& s, const std::filesystem::path& figures) {
  const bool bars = std::any_of(s.runs.begin(), s.runs.end(), [](const Sparsities::Run& r) { return r.id.trial > 0; });
  const double dense = s.accuracy("dense", 0).mean;
  std::string data, plots, tics;
  double low = dense, high = dense;
  Ends ends{{dense, "dense"}};
  // Bars of different arms stand side by side: each arm's points are a little further to the right.
  for (std::size_t a = 0; a < s.arms.size(); ++a) {
    data += fmt::format("# {}: weights left in percent (shifted a little), mean, min and max of the test accuracy\n", s.arms[a]);
    for (std::size_t level = 1; level <= s.sparsities.size(); ++level) {
      const Statistic v = s.accuracy(s.arms[a], level);
      const double shift = bars ? std::pow(0.985, static_cast<double>(a) - static_cast<double>(s.arms.size() - 1) / 2) : 1;
      data += fmt::format("{:.4f} {:.4f} {:.4f} {:.4f}\n", 100 * (1 - s.sparsities[level - 1]) * shift, v.mean, v.min, v.max);
      low = std::min(low, v.min), high = std::max(high, v.max);
    }
    data += "\n\n";
    ends.emplace_back(s.accuracy(s.arms[a], s.sparsities.size()).mean, s.arms[a]);
    const std::string& colour = colours.at(s.arms[a]);
    plots += fmt::format(", \\\n  data index {0} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.8 linecolor rgb '{1}' notitle", a, colour);
    if (bars) plots += fmt::format(", \\\n  data index {0} using 1:2:3:4 with yerrorbars pointtype 7 pointsize 0.8 linecolor rgb '{1}' notitle", a, colour);
  }
  for (double v : s.sparsities) tics += fmt::format("{}'{:g}' {:.4f}", tics.empty() ? "" : ", ", 100 * v, 100 * (1 - v));
  const double room = std::max(0.1, 0.05 * (high - low));
  low -= room, high += room;
  const std::string script = fmt::format(R"gp(set title {}
set xlabel 'sparsity (%)'
set ylabel 'test accuracy (%)'
set rmargin 16
set grid linecolor rgb '#dddddd'
set logscale x
set xrange [{:.4f}:{:.4f}]
set xtics ({})
set yrange [{:.3f}:{:.3f}]
{}plot {:.4f} with lines linewidth 1.5 dashtype 2 linecolor rgb '#222222' notitle{}
)gp",
                                         title(s, s.finding()), 120 * (1 - s.sparsities.front()), 100 * (1 - s.sparsities.back()) / 1.1, tics, low, high,
                                         labels(ends, low, high, 22), dense, plots);
  plot(figures, "sparsity", data, script, 1000, 560);
}

// The mean test accuracy at each evaluation.
std::vector<std::pair<std::int64_t, double>> curve(const Sparsities& s, const std::string& arm, std::size_t level) {
  std::map<std::int64_t, std::pair<double, int>> sums;
  for (const Sparsities::Run& r : s.runs)
    if (r.id.arm == arm && r.id.level == static_cast<std::int64_t>(level))
      for (const nn::Evaluation& e : r.record) sums[e.iteration].first += e.test.accuracy, ++sums[e.iteration].second;
  std::vector<std::pair<std::int64_t, double>> points;
  for (auto& [iteration, sum] : sums) points.emplace_back(iteration, sum.first / sum.second);
  return points;
}

// The lowest accuracy between the first update and the end: what pruning did before training could make up for it.
double lowest(const Sparsities& s, const std::string& arm) {
  double low = 100;
  for (auto [iteration, accuracy] : curve(s, arm, s.sparsities.size()))
    if (s.sparsity_before(arm, s.sparsities.back(), iteration - 1) > 0) low = std::min(low, accuracy);
  return low;
}

std::string course_finding(const Sparsities& s) {
  std::string text;
  for (const char* arm : {"oneshot", "iterative", "gradual", "woodfisher"})
    if (std::find(s.arms.begin(), s.arms.end(), arm) != s.arms.end())
      text += fmt::format("{}{} {} {:.1f}%", text.empty() ? "" : ", ", arm_in_words(arm), text.empty() ? "falls to" : "to", lowest(s, arm));
  return fmt::format("On the way to {:g}% sparsity: ", 100 * s.sparsities.back()) + (text.empty() ? s.finding() : text);
}

// course.png: on the way to the highest sparsity, sparsity above and accuracy below.
void draw_course(const Sparsities& s, const std::filesystem::path& figures) {
  const std::size_t level = s.sparsities.size();
  const double target = s.sparsities.back();
  std::vector<std::string> arms = s.arms;
  arms.insert(arms.begin(), "dense");
  std::string data, above, below;
  Ends sparsity_ends, accuracy_ends;
  double low = 100, high = 0;
  for (std::size_t a = 0; a < arms.size(); ++a) {
    const bool dense = arms[a] == "dense";
    data += fmt::format("# {}: step, sparsity in percent from there on\n", arms[a]);
    double before = -1;
    for (std::int64_t t = 0; t <= s.iterations; ++t) {  // only where it changes
      const double now = 100 * (dense ? 0 : s.sparsity_before(arms[a], target, t));
      if (now != before || t == s.iterations) data += fmt::format("{} {:.4f}\n", t, now);
      before = now;
    }
    data += fmt::format("\n\n# {}: step, mean test accuracy\n", arms[a]);
    const auto points = curve(s, arms[a], dense ? 0 : level);
    for (auto [iteration, accuracy] : points) {
      data += fmt::format("{} {:.4f}\n", iteration, accuracy);
      if (iteration >= s.iterations / 6) low = std::min(low, accuracy);  // the first climb would squeeze the rest
      high = std::max(high, accuracy);
    }
    data += "\n\n";
    accuracy_ends.emplace_back(points.back().second, arms[a]);
    const char* comma = a == 0 ? "" : ", \\\n  ";
    above += fmt::format("{}data index {} using 1:2 with steps linewidth 2 linecolor rgb '{}' notitle", comma, 2 * a, colours.at(arms[a]));
    below += fmt::format("{}data index {} using 1:2 with lines linewidth 1.6 linecolor rgb '{}' notitle", comma, 2 * a + 1, colours.at(arms[a]));
  }
  low = std::floor(low * 2) / 2, high = std::ceil(high * 2 + 0.2) / 2;
  // Above, lines run into each other at the end: they are named where they are apart, at the middle of the way up, left of it.
  std::string names = "unset label\n";
  auto name = [&](const std::string& arm, std::int64_t t, double y, const char* side) {
    names += fmt::format("set label '{}' at {},{:.2f} {} textcolor rgb '{}'\n", arm_in_words(arm), t, y, side, colours.at(arm));
  };
  std::vector<std::pair<std::int64_t, std::string>> rising;  // when, and who
  int constant = 0;
  for (const std::string& arm : arms) {
    std::int64_t t = 0;
    while (arm != "dense" && t < s.iterations && s.sparsity_before(arm, target, t) < 0.35 * target) ++t;
    if (arm == "dense") name(arm, s.iterations / 100, 7, "left");
    else if (t == 0) name(arm, s.iterations / 100, 100 * target - 9 - 11 * constant++, "left");
    else rising.emplace_back(t, arm);
  }
  std::stable_sort(rising.begin(), rising.end(), [](auto& a, auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < rising.size();) {  // those that rise at about the same time stand above each other
    Ends together;
    std::int64_t first = rising[i].first;
    for (; i < rising.size() && rising[i].first - first < s.iterations / 8; ++i)
      together.emplace_back(std::min(50.0, 100 * s.sparsity_before(rising[i].second, target, rising[i].first)), rising[i].second);
    std::stable_sort(together.begin(), together.end(), [](auto& a, auto& b) { return a.first < b.first; });
    spread(together, 10, 102);
    for (auto& [y, arm] : together) name(arm, first - s.iterations / 100, y, "right");
  }
  const std::string script = fmt::format(R"gp(set multiplot layout 2,1 title {}
set lmargin 10
set rmargin 16
set grid linecolor rgb '#dddddd'
set xrange [0:{}]
set ylabel 'sparsity (%)'
set yrange [0:105]
{}plot {}
set xlabel 'training step'
set ylabel 'test accuracy (%)'
set yrange [{}:{}]
{}plot {}
unset multiplot
)gp",
                                         title(s, course_finding(s)), s.iterations, names, above, low, high,
                                         labels(accuracy_ends, low, high, 14), below);
  plot(figures, "course", data, script, 1000, 760);
}

}  // namespace

void Sparsities::draw(const std::filesystem::path& figures) const {
  draw_sparsity(*this, figures);
  draw_course(*this, figures);
}

}  // namespace bonsai::experiments
