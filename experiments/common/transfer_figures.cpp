// Accuracy against density, a line a method; and weights before against after fine-tuning, those that were kept in colour.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "experiments/common/figures.h"
#include "experiments/common/statistics.h"
#include "experiments/common/transfer.h"

namespace bonsai::experiments {
namespace {

struct Look {
  const char *arm, *label, *colour;
};
const Look looks[] = {{"movement", "movement", "#1f5fbf"},
                      {"soft", "soft movement", "#7a3fb0"},
                      {"magnitude", "magnitude", "#d9651a"},
                      {"random", "random", "#888888"}};
const Look& look(const std::string& arm) {
  return *std::ranges::find_if(looks, [&](const Look& l) { return l.arm == arm; });
}

}  // namespace

void Transfer::draw_accuracy(const std::filesystem::path& figures) const {
  const std::size_t last = densities.size() - 1;
  std::string data, plots, labels;
  int index = 0;
  const double dense = points.at({"dense", 0}).accuracy;
  double low = dense, high = dense, least = densities[last], most = densities[0];
  std::vector<std::tuple<double, std::string, std::string>> ends{
      {dense, "all weights", "#222222"}};  // where a line ends, its label and colour
  for (const std::string& arm : arms) {
    std::vector<Point> line;
    for (std::int64_t l = 1; l <= levels(arm); ++l) line.push_back(points.at({arm, l}));
    std::ranges::sort(line, [](const Point& a, const Point& b) { return a.density > b.density; });
    data += fmt::format("# {}: weights left in percent; test accuracy in percent, mean, worst, best\n", arm);
    for (const Point& p : line) {
      data += fmt::format("{:.4f} {:.4f} {:.4f} {:.4f}\n", 100 * p.density, p.accuracy, p.low, p.high);
      least = std::min(least, p.density);
      most = std::max(most, p.density);
      if (arm == "random" && arms.size() > 1) continue;  // it falls so far that the others would lie on each other
      low = std::min(low, p.low);
      high = std::max(high, p.high);
    }
    data += "\n\n";
    const Look& l = look(arm);
    auto add = [&](const char* with) {
      plots += fmt::format("{}data index {} using {} linecolor rgb '{}'", plots.empty() ? "plot " : ", \\\n  ", index, with, l.colour);
    };
    if (trials > 1) add("1:2:3:4 with yerrorbars pointtype 7 pointsize 0.9");
    add("1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.9");
    ++index;
    const std::string where = arm == "soft"     ? fmt::format(" (of {:.1f}%)", 100 * line.back().density)
                              : arm == "random" ? ", far below"
                                                : "";
    ends.emplace_back(line.back().accuracy, fmt::format("{} {:.1f}%{}", l.label, line.back().accuracy, where), l.colour);
  }
  low = std::floor(2 * low - 0.5) / 2;
  high = std::ceil(2 * high + 0.5) / 2;
  std::sort(ends.begin(), ends.end());
  double y = low;
  for (const auto& [end, words, colour] : ends) {
    y = std::max(end, y + (high - low) / 22);  // (what ends below the picture is named at its foot)
    labels += fmt::format("set label '{}' at graph 1.02, first {:.4f} left textcolor rgb '{}'\n", words, y, colour);
  }

  std::string finding = fmt::format("With {:g}% of the weights:", 100 * densities[last]);
  for (const std::string& arm : arms)
    if (arm != "soft") finding += fmt::format(" {} {:.1f}%,", arm, at(arm, last).accuracy);
  finding.pop_back();
  std::string tics;
  for (double d : densities) tics += fmt::format("{}{:g}", tics.empty() ? "" : ", ", 100 * d);
  const std::string script = fmt::format(
      R"gp(set title "{}; all weights: {:.1f}%\n{{/*0.8 LeNet-300-100 from MNIST to Fashion-MNIST; {}; {}}}"
set xlabel 'weights left (%)'
set ylabel 'test accuracy (%)'
set logscale x
set xrange [{:.4f}:{:.4f}]
set yrange [{}:{}]
set xtics ({})
set rmargin 31
set grid linecolor rgb '#dddddd'
unset key
set arrow from graph 0, first {:.4f} to graph 1, first {:.4f} nohead dashtype 2 linecolor rgb '#222222'
)gp",
      gnuplot_text(finding), dense, gnuplot_text(seeds), gnuplot_text(command), 110 * most, 100 * least / 1.1, low, high, tics, dense,
      dense);
  plot(figures, "accuracy", data, script + labels + plots + "\n", 1000, 560);
}

std::vector<double> Scatter::kept(const Tensor& values) const {
  std::vector<double> all;
  for (std::int64_t i = 0; i < mask.numel(); ++i)
    if (mask.data<std::uint8_t>()[i]) all.push_back(std::abs(values.at(i)));
  return all;
}

double Scatter::moved_away() const {
  const std::vector<double> was = kept(before), is = kept(after);
  double n = 0;
  for (std::size_t i = 0; i < was.size(); ++i) n += is[i] > was[i];
  return n / static_cast<double>(was.size());
}

void draw_scatter(const std::filesystem::path& figures, const std::vector<Scatter>& panels, std::int64_t most, Random random,
                  const std::string& source) {
  std::string title = "Of the weights kept, these moved away from 0 in fine-tuning:";
  for (const Scatter& p : panels) title += fmt::format(" {} {:.0f}%{}", p.name, 100 * p.moved_away(), &p == &panels.back() ? "" : ",");
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
      data += fmt::format("# {}, {}: before, after\n", p.name, kept ? "kept" : "pruned");
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
    script += fmt::format("unset label\nset title '{}: the median kept weight was {:.2f} and is {:.2f}'\n", panels[k].name,
                          median(panels[k].kept(panels[k].before)), median(panels[k].kept(panels[k].after)));
    script += fmt::format("set label 'kept' at graph 0.04, graph 0.95 left textcolor rgb '{}'\n", panels[k].colour);
    script += "set label 'pruned' at graph 0.04, graph 0.89 left textcolor rgb '#999999'\n";
    script += fmt::format(
        "plot x with lines linecolor rgb '#222222', data index {} using 1:2 with points pointtype 7 pointsize 0.3 linecolor rgb '#999999', "
        "data index {} using 1:2 with points pointtype 7 pointsize 0.45 linecolor rgb '{}'\n",
        2 * k, 2 * k + 1, panels[k].colour);
  }
  plot(figures, "scatter", data, script + "unset multiplot\n", 1100, 620);
}

}  // namespace bonsai::experiments
