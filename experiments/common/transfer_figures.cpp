// Accuracy against density, a line a method; and weights before against after fine-tuning, those that were kept in colour.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/transfer.h"

namespace bonsai::experiments {
namespace {

struct Look {
  const char *arm, *label, *colour;
};
const Look looks[] = {{"movement", "movement", "#1f5fbf"}, {"soft", "movement, soft", "#7a3fb0"}, {"magnitude", "magnitude", "#d9651a"}, {"random", "random", "#888888"}};
const Look& look(const std::string& arm) { return *std::ranges::find_if(looks, [&](const Look& l) { return l.arm == arm; }); }

}  // namespace

void Transfer::draw_accuracy(const std::filesystem::path& figures) const {
  const std::size_t last = densities.size() - 1;
  std::string data, plots, labels;
  int index = 0;
  double low = 100, high = points.at({"dense", 0}).accuracy, least = 1;
  std::vector<std::pair<double, std::string>> ends;  // where a line ends, and its label
  for (const std::string& arm : arms) {
    std::vector<Point> line;
    for (std::int64_t l = 1; l <= levels(arm); ++l) line.push_back(points.at({arm, l}));
    std::ranges::sort(line, [](const Point& a, const Point& b) { return a.density > b.density; });
    data += fmt::format("# {}: weights left in percent; test accuracy in percent, mean, worst, best\n", arm);
    for (const Point& p : line) {
      data += fmt::format("{:.4f} {:.4f} {:.4f} {:.4f}\n", 100 * p.density, p.accuracy, p.low, p.high);
      low = std::min(low, trials > 1 ? p.low : p.accuracy);
      high = std::max(high, trials > 1 ? p.high : p.accuracy);
      least = std::min(least, p.density);
    }
    data += "\n\n";
    const Look& l = look(arm);
    plots += fmt::format("{}data index {} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.9 linecolor rgb '{}' notitle", plots.empty() ? "plot " : ", \\\n  ", index, l.colour);
    if (trials > 1) plots += fmt::format(", data index {} using 1:2:3:4 with yerrorbars pointtype 0 linecolor rgb '{}' notitle", index, l.colour);
    ++index;
    ends.emplace_back(line.back().accuracy, fmt::format("'{}' textcolor rgb '{}'", l.label, l.colour));
  }
  const double dense = points.at({"dense", 0}).accuracy;
  low = std::floor(low - 0.5);
  high = std::ceil(high + 0.2);
  std::sort(ends.begin(), ends.end());
  for (std::size_t i = 1; i < ends.size(); ++i) ends[i].first = std::max(ends[i].first, ends[i - 1].first + (high - low) / 20);
  for (const auto& [y, words] : ends) labels += fmt::format("set label {} at graph 1.02, first {:.4f} left\n", words, y);

  std::string finding = fmt::format("With {:g}% of the weights:", 100 * densities[last]);
  for (const std::string& arm : arms)
    if (arm != "soft") finding += fmt::format(" {} {:.1f}%,", arm, at(arm, last).accuracy);
  finding.pop_back();
  std::string tics;
  for (double d : densities) tics += fmt::format("{}{:g}", tics.empty() ? "" : ", ", 100 * d);
  const std::string script = fmt::format(R"gp(set title "{}; all weights: {:.1f}%\n{{/*0.8 LeNet-300-100 from MNIST to Fashion-MNIST; {}; {}}}"
set xlabel 'weights left (%)'
set ylabel 'test accuracy (%)'
set logscale x
set xrange [{:.4f}:{:.4f}]
set yrange [{}:{}]
set xtics ({})
set rmargin 18
set grid linecolor rgb '#dddddd'
unset key
set arrow from graph 0, first {:.4f} to graph 1, first {:.4f} nohead dashtype 2 linecolor rgb '#222222'
set label 'all weights' at graph 0.01, first {:.4f} left offset 0, -0.6 textcolor rgb '#222222'
)gp",
                                         gnuplot_text(finding), dense, gnuplot_text(seeds), gnuplot_text(command), 120 * densities[0], 100 * std::min(least, densities[last]) / 1.1, low, high,
                                         tics, dense, dense, dense);
  plot(figures, "accuracy", data, script + labels + plots + "\n", 1000, 560);
}

void draw_scatter(const std::filesystem::path& figures, const std::vector<Scatter>& panels, std::int64_t most, Random random, const std::string& title,
                  const std::string& source) {
  std::string data, script = fmt::format(R"gp(set multiplot layout 1,{} title "{}\n{{/*0.8 {}}}"
set grid linecolor rgb '#dddddd'
set xlabel 'weight before fine-tuning'
set ylabel 'weight after'
set size ratio 1
unset key
)gp",
                                         panels.size(), gnuplot_text(title), gnuplot_text(source));
  double edge = 0;
  for (std::size_t k = 0; k < panels.size(); ++k) {
    const Scatter& p = panels[k];
    const Tensor order = random.derive(k).permutation(p.mask.numel());
    for (int kept : {0, 1}) {
      data += fmt::format("# {}, {}: before, after\n", p.title, kept ? "kept" : "pruned");
      std::int64_t drawn = 0;
      for (std::int64_t j : order.data<std::int64_t>()) {
        if ((p.mask.data<std::uint8_t>()[j] != 0) != (kept != 0) || drawn == most) continue;
        ++drawn;
        data += fmt::format("{:.5f} {:.5f}\n", p.before.at(j), p.after.at(j));
        edge = std::max({edge, std::abs(p.before.at(j)), std::abs(p.after.at(j))});
      }
      if (drawn == 0) data += "NaN NaN\n";
      data += "\n\n";
    }
  }
  script += fmt::format("set xrange [-{0:.3f}:{0:.3f}]\nset yrange [-{0:.3f}:{0:.3f}]\n", 1.05 * edge);
  for (std::size_t k = 0; k < panels.size(); ++k) {
    script += fmt::format("unset label\nset title '{}'\nset label 'kept' at graph 0.04, graph 0.95 left textcolor rgb '{}'\n", panels[k].title, panels[k].colour);
    script += "set label 'pruned' at graph 0.04, graph 0.89 left textcolor rgb '#999999'\n";
    script += fmt::format("plot x with lines linecolor rgb '#222222', data index {} using 1:2 with points pointtype 7 pointsize 0.3 linecolor rgb '#999999', "
                          "data index {} using 1:2 with points pointtype 7 pointsize 0.45 linecolor rgb '{}'\n",
                          2 * k, 2 * k + 1, panels[k].colour);
  }
  plot(figures, "scatter", data, script + "unset multiplot\n", 1100, 620);
}

}  // namespace bonsai::experiments
