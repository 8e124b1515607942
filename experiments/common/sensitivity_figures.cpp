// The curves of the layers, and their weights' histograms, for gnuplot.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/sensitivity_report.h"

namespace bonsai::experiments {
namespace {

const std::map<std::string, std::string> colours{{"fc1", "#1f5fbf"}, {"fc2", "#2f8f4e"}, {"fc3", "#d9651a"}, {all_layers, "#222222"}};

std::string percent(double fraction) { return fmt::format("{:.3g}%", 100 * fraction); }

// Accuracy against sparsity: a line a layer, with a point where it leaves the dense accuracy by more than one.
void draw_curves(const Sensitivity& s, const std::filesystem::path& figures) {
  std::string data, lines, script;
  std::vector<std::pair<double, std::string>> ends;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    const auto& curve = s.curves.at(layers[k]);
    const std::string& colour = colours.at(layers[k]);
    data += fmt::format("# {}: sparsity %, mean, min and max test accuracy\n", layers[k]);
    for (std::size_t i = 0; i < curve.size(); ++i) {
      auto [low, high] = std::minmax_element(curve[i].accuracies.begin(), curve[i].accuracies.end());
      data += fmt::format("{:.6g} {:.4f} {:.4f} {:.4f}\n", 100 * s.sparsities[i], curve[i].mean(), *low, *high);
      if (s.sparsities[i] == s.within_one_point(layers[k]))
        script += fmt::format("set label '' at {:.6g},{:.4f} point pointtype 7 pointsize 1.3 linecolor rgb '{}' front\n",
                              100 * s.sparsities[i], curve[i].mean(), colour);
    }
    data += "\n\n";
    const bool all = layers[k] == all_layers;
    lines += k == 0 ? "plot" : ", \\\n    ";
    if (curve[0].accuracies.size() > 1)
      lines += fmt::format(" data index {} using 1:2:3:4 with yerrorbars pointtype 0 linecolor rgb '{}' notitle, \\\n    ", k, colour);
    lines += fmt::format(" data index {} using 1:2 with lines linewidth 2.2 dashtype {} linecolor rgb '{}' notitle", k, all ? 2 : 1, colour);
    ends.emplace_back(curve.back().mean(), fmt::format("'{}' textcolor rgb '{}'", all ? s.together : layers[k] + " alone", colour));
  }
  std::sort(ends.begin(), ends.end());
  spread(ends, 4.5, 100);
  for (auto& [y, words] : ends) script += fmt::format("set label {} at graph 1.01, first {:.4f} left\n", words, y);
  const std::string title = fmt::format("Within one point of accuracy, fc1 alone can lose {} of its weights, fc3 alone {}, {} {}",
                                        percent(s.within_one_point("fc1")), percent(s.within_one_point("fc3")), s.together,
                                        percent(s.within_one_point(all_layers)));
  plot(figures, "sensitivity", data,
       fmt::format("set title \"{}\\n{{/*0.8 pruned by {}, no retraining; dots: up to there within one point; {}; {}}}\"\n", title,
                   gnuplot_text(s.criterion), gnuplot_text(s.seeds), gnuplot_text(s.command)) +
           "set xlabel 'weights pruned (%)'\nset ylabel 'test accuracy (%)'\nset rmargin 14\nset grid linecolor rgb '#dddddd'\nset xrange "
           "[0:100]\nset yrange [0:100]\n" +
           script + lines + "\n",
       1000, 560);
}

struct Histogram {
  double width;  // of a bin
  std::vector<std::int64_t> before, after;
  double smallest_kept;
};

// 61 bins over four deviations to each side; the outermost hold all that lies beyond.
Histogram histogram(const Inside::Layer& layer) {
  constexpr int bins = 61;
  const auto before = layer.before.data<float>(), after = layer.after.data<float>();
  const auto mask = layer.mask.data<std::uint8_t>();
  double squares = 0;
  for (float w : before) squares += static_cast<double>(w) * w;
  Histogram h{8 * std::sqrt(squares / static_cast<double>(before.size())) / bins, std::vector<std::int64_t>(bins),
              std::vector<std::int64_t>(bins), INFINITY};
  if (h.width == 0) h.width = 1;
  auto bin = [&](float w) { return std::clamp(static_cast<int>(std::floor(w / h.width + bins / 2.0)), 0, bins - 1); };
  for (std::size_t i = 0; i < before.size(); ++i) {
    ++h.before[bin(before[i])];
    if (!mask[i]) continue;
    ++h.after[bin(after[i])];
    h.smallest_kept = std::min(h.smallest_kept, std::abs(static_cast<double>(after[i])));
  }
  return h;
}

void draw_histograms(const Sensitivity& s, const std::filesystem::path& figures) {
  std::string data, panels, smallest;
  for (std::size_t k = 0; k < s.inside.layers.size(); ++k) {
    const Histogram h = histogram(s.inside.layers[k]);
    const std::string& colour = colours.at(layers[k]);
    data += fmt::format("# {}: left end of the bin, weights before, weights left\n", layers[k]);
    const double end = 0.5 * static_cast<double>(h.before.size()) * h.width;
    for (std::size_t b = 0; b < h.before.size(); ++b)
      data += fmt::format("{:.6g} {} {}\n", static_cast<double>(b) * h.width - end, h.before[b], h.after[b]);
    data += fmt::format("{:.6g} 0 0\n\n\n", end);
    smallest += fmt::format("{}{:.2g} in {}", k == 0 ? "" : ", ", h.smallest_kept, layers[k]);
    panels += fmt::format(R"gp(unset label
set title '{}'
set label 'before' at graph 0.97, graph 0.94 right textcolor rgb '#888888'
set label '{} left' at graph 0.97, graph 0.88 right textcolor rgb '{}'
plot data index {} using 1:2 with fillsteps linecolor rgb '#cccccc' notitle, data index {} using 1:3 with fillsteps linecolor rgb '{}' notitle
)gp",
                          layers[k], percent(1 - s.sparsity), colour, k, k, colour);
  }
  plot(figures, "histograms", data,
       fmt::format(
           "set multiplot layout 1,3 title \"With {} of each layer pruned by {}, the smallest weights left are {}\\n{{/*0.8 {}; {}}}\"\n",
           percent(s.sparsity), gnuplot_text(s.criterion), smallest, gnuplot_text(s.seeds), gnuplot_text(s.command)) +
           "set style fill solid\nset xlabel 'weight'\nset ylabel 'weights in a bin'\nset yrange [0:*]\nset xtics autofreq\n" + panels +
           "unset multiplot\n",
       1400, 460);
}

}  // namespace

void Sensitivity::draw(const std::filesystem::path& figures) const {
  draw_curves(*this, figures);
  draw_histograms(*this, figures);
}

}  // namespace bonsai::experiments
