// Layer error (log) and accuracy against sparsity, a line a method, a row a network.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/one_shot.h"
#include "experiments/common/parts.h"

namespace bonsai::experiments {
namespace {

const std::map<std::string, std::string> colours{{"magnitude", "#d9651a"}, {"wanda", "#2a9048"}, {"sparsegpt", "#1f5fbf"}, {"obc", "#222222"}};

}  // namespace

void OneShot::draw(const std::filesystem::path& figures) const {
  std::string data, panels;
  std::size_t index = 0;
  for (const std::string& network : networks) {
    double low_error = 1, low_accuracy = 100;
    for (const std::string& m : methods) {
      data += fmt::format("# {}, {}: weights pruned in percent, layer error in percent, test accuracy in percent\n", network, m);
      for (std::size_t a = 0; a < fractions; ++a) {
        const Point& p = curves.at(network).at(m)[a];
        data += fmt::format("{:.6g} {:.6g} {:.4f}\n", 100 * to_number(amounts[a]), 100 * p.error(), p.accuracy());
        if (p.error() > 0) low_error = std::min(low_error, p.error());
        low_accuracy = std::min(low_accuracy, p.accuracy());
      }
      data += "\n\n";
    }
    const double bottom = 100 * std::pow(10, std::floor(std::log10(low_error))), floor = std::max(0.0, std::floor(low_accuracy / 10) * 10);
    for (const bool accuracy : {false, true}) {
      std::string lines = accuracy ? fmt::format("plot {:.4f} with lines dashtype 2 linecolor rgb '#999999' notitle", dense.at(network)) : "plot", labels = "unset label\n";
      std::vector<std::pair<double, std::string>> ends;
      for (std::size_t k = 0; k < methods.size(); ++k) {
        const std::string& colour = colours.at(methods[k]);
        lines += fmt::format("{} data index {} using 1:{} with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb '{}' notitle", accuracy || k > 0 ? ", \\\n  " : "",
                             index + k, accuracy ? 3 : 2, colour);
        const Point& last = curves.at(network).at(methods[k])[fractions - 1];
        const double y = accuracy ? last.accuracy() : std::log10(std::max(100 * last.error(), bottom));
        ends.emplace_back(y, fmt::format("'{}' textcolor rgb '{}'", shown(methods[k]), colour));
      }
      std::stable_sort(ends.begin(), ends.end(), [](auto& a, auto& b) { return a.first < b.first; });
      if (accuracy) spread(ends, (100 - floor) / 13, 100, floor);
      else spread(ends, (2 - std::log10(bottom)) / 13, 2, std::log10(bottom));
      for (const auto& [y, words] : ends) labels += fmt::format("set label {} at graph 1.02, first {:.6g} left\n", words, accuracy ? y : std::pow(10, y));
      panels += fmt::format("set title \"{}\"\nset ylabel '{}'\n{}set yrange [{:.6g}:100]\n{}{}\n", gnuplot_text(network),
                            accuracy ? "test accuracy (%)" : "layer error (% of the output)",
                            accuracy ? "unset logscale y\nset format y '%g'\n" : "set logscale y\nset format y '10^{%T}'\n", accuracy ? floor : bottom, labels,
                            lines);
    }
    index += methods.size();
  }
  plot(figures, "one_shot", data,
       fmt::format("set multiplot layout {},2 title \"{}\\n{{/*0.8 {} calibration examples, inputs recomputed after each layer; {}; {}}}\"\nset grid linecolor rgb '#dddddd'\n"
                   "set lmargin 11\nset rmargin 13\nset bmargin 4\nset xlabel 'weights pruned (%)'\nset xrange [0:100]\n{}unset multiplot\n",
                   networks.size(), gnuplot_text(finding()), examples, gnuplot_text(seeds), gnuplot_text(command), panels),
       1300, static_cast<int>(90 + 430 * networks.size()));
}

}  // namespace bonsai::experiments
