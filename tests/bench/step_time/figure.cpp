// The figure: density against milliseconds, both on logarithmic axes, pruning from left to right.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "tests/bench/step_time/report.h"

namespace bonsai::bench {
namespace {

struct Line {
  std::string label, colour, style;
  std::map<double, double> seconds;
};

std::string points(const Line& line) {
  std::string text = fmt::format("# {}: density %, ms\n", line.label);
  for (auto at = line.seconds.rbegin(); at != line.seconds.rend(); ++at) text += fmt::format("{:.4g} {:.6g}\n", 100 * at->first, 1e3 * at->second);
  return text + "\n\n";
}

}  // namespace

void StepTime::draw(const std::filesystem::path& folder) const {
  auto all = [](auto seconds) {
    std::map<double, double> line;
    for (const double d : densities)
      if (const double s = seconds(d); !std::isnan(s)) line[d] = s;
    return line;
  };
  std::vector<Line> lines{{"packed", "#1f5fbf", "linespoints pointtype 7 pointsize 0.8 linewidth 2.2", all([&](double d) { return packed.at(d); })},
                          {"masked", "#d9651a", "linespoints pointtype 7 pointsize 0.8 linewidth 2.2", all([&](double d) { return masked.at(d); })},
                          {"dense", "#222222", "lines linewidth 1.6", all([&](double) { return dense; })},
                          {"ideal: dense x density", "#888888", "lines linewidth 1.4 dashtype 2", all([&](double d) { return dense * d; })},
                          {"PyTorch, masked", "#7a3fb0", "linespoints pointtype 7 pointsize 0.8 linewidth 2.2", all([&](double d) { return torch_masked_at(d); })},
                          {"PyTorch, dense", "#2f8f4e", "lines linewidth 1.6", all([&](double) { return torch_best(); })}};
  std::erase_if(lines, [](const Line& l) { return l.seconds.empty(); });
  if (lines.empty()) return;

  std::string data, plots, labels;
  double low = HUGE_VAL, high = 0;
  std::vector<std::pair<double, std::string>> ends;  // on the logarithmic axis
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& l = lines[i];
    data += points(l);
    plots += fmt::format("{} data index {} using 1:2 with {} linecolor rgb '{}' notitle", i == 0 ? "plot" : ", \\\n    ", i, l.style, l.colour);
    for (const auto& [d, s] : l.seconds) low = std::min(low, 1e3 * s), high = std::max(high, 1e3 * s);
    ends.emplace_back(std::log10(1e3 * l.seconds.begin()->second), fmt::format("'{}' textcolor rgb '{}'", l.label, l.colour));
  }
  low /= 1.3;
  high *= 1.5;
  std::sort(ends.begin(), ends.end());
  experiments::spread(ends, std::log10(high / low) / 22, std::log10(high));
  for (const auto& [y, words] : ends) labels += fmt::format("set label {} at graph 1.015, first {:.5g} left\n", words, std::pow(10, y));
  if (const double d = crossover(); !std::isnan(d)) {
    const auto high = masked.upper_bound(d), low = std::prev(high);
    const double share = std::log(d / low->first) / std::log(high->first / low->first);
    const double y = 1e3 * low->second * std::pow(high->second / low->second, share);
    labels += fmt::format("set arrow from first {:.4g}, graph 0 to first {:.4g}, first {:.4g} nohead dashtype 3 linecolor rgb '#1f5fbf'\n", 100 * d, 100 * d, y);
    labels += fmt::format("set label '' at first {:.4g}, first {:.4g} point pointtype 6 pointsize 2.2 linewidth 1.6 linecolor rgb '#1f5fbf' front\n", 100 * d, y);
    labels += fmt::format("set label \"packed is faster than\\nmasked below {:.2g}%\" at first {:.4g}, graph 0.12 left offset 0.8,0 textcolor rgb '#1f5fbf'\n", 100 * d, 100 * d);
  }

  const double least = 0.036, ours = packed.at(least);
  std::string finding = "Time of a training step by the weights that are left";
  if (!std::isnan(ours / masked.at(least))) {
    finding = fmt::format("{:g}% of the weights: {:.3f} ms a packed step, {:.1f} times as fast as masked", 100 * least, 1e3 * ours, masked.at(least) / ours);
    if (!std::isnan(torch_masked_at(least))) finding += fmt::format(", {:.0f} times as fast as PyTorch's masked", torch_masked_at(least) / ours);
  }
  const std::string script = fmt::format(R"gp(set title "{}\n{{/*0.8 LeNet-300-100, batch 60, Adam, f32, {}, ours on one thread{}; {}; {}; {}}}" offset character 4,0
set xlabel 'weights left (%)'
set ylabel 'milliseconds a step'
set rmargin 23
set logscale xy
set grid linecolor rgb '#dddddd'
set xrange [100:1]
set yrange [{:.4g}:{:.4g}]
set xtics (100, 80, 64, 50, 40, 30, 20, 10, 5, 3.6, 2, 1)
set ytics (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
)gp",
                                         experiments::gnuplot_text(finding), isa, torch.empty() ? "" : ", PyTorch on one or two", experiments::gnuplot_text(machine), date, experiments::gnuplot_text(command), low, high);
  experiments::plot(folder, "step_time", data, script + labels + plots + "\n", 1000, 560);
}

}  // namespace bonsai::bench
