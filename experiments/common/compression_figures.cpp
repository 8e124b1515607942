// Test error against how much smaller the network is, a panel a network; and the weights of a layer with the centroids that they share.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "experiments/common/compression.h"
#include "experiments/common/figures.h"

namespace bonsai::experiments {
namespace {

struct Line {
  std::string name, colour;
  std::vector<std::pair<double, double>> points = {};  // times smaller, test error
};

// Pruned only, shared only, and both, a line for each number of bits.
std::vector<Line> lines_of(const CompressionRuns& runs, const std::string& net) {
  Line pruned{"pruned only", "#888888"}, shared{"shared only", "#d9651a"};
  std::map<std::int64_t, Line> both;
  static const char* const shades[] = {"#1f5fbf", "#2a9048", "#7a3fb0", "#2ab0b0"};
  for (const CodedNetwork& c : runs.nets.at(net).coded) {
    const std::pair point{runs.times(net, c), 100 - c.test.accuracy};
    if (c.arm == "dense") shared.points.push_back(point);
    if (c.arm != "ours") continue;
    if (c.file.empty()) pruned.points.push_back(point);
    else both.try_emplace(c.bits, Line{fmt::format("both, {} bits", c.bits), shades[both.size() % 4]}).first->second.points.push_back(point);
  }
  std::vector<Line> all{pruned, shared};
  for (auto& [bits, line] : both) all.push_back(line);
  for (Line& l : all) std::ranges::sort(l.points);
  return all;
}

}  // namespace

void CompressionRuns::draw(const std::filesystem::path& figures) const {
  std::string data, panels;
  int index = 0;
  for (const CompressionPlan& plan : plans) {
    const OfNet& n = nets.at(plan.net);
    const std::vector<Line> lines = lines_of(*this, plan.net);
    const Choice choice = chosen(plan.net);
    const double dense = 100 - n.test.accuracy, low = std::max(0.0, std::floor(5 * (dense - 0.2)) / 5);
    const double high = std::max(low + 1.2, std::ceil(1.1 * (100 - std::min(choice.coded->test.accuracy, paper(plan.net).test.accuracy))));
    double right = std::max(times(plan.net, *choice.coded), 40.0);
    for (const Line& l : lines)
      for (auto [x, y] : l.points) right = std::max(right, x);
    right *= 1.1;
    std::string plots = fmt::format("plot {} with lines linewidth 1 dashtype 2 linecolor rgb '#222222' notitle", dense);
    std::vector<std::pair<double, std::string>> ends;
    std::map<std::string, std::string> colours;
    for (const Line& l : lines) {
      if (l.points.empty()) continue;
      data += fmt::format("# {}, {}: times smaller, test error in percent\n", plan.net, l.name);
      for (auto [x, y] : l.points) data += fmt::format("{:.3f} {:.3f}\n", x, y);
      data += "\n\n";
      plots += fmt::format(", \\\n  data index {} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.7 linecolor rgb '{}' notitle", index++, l.colour);
      ends.emplace_back(std::min(l.points.back().second, high), l.name);
      colours[l.name] = l.colour;
    }
    data += fmt::format("# {}: chosen; the paper's densities and bits\n{:.3f} {:.3f}\n{:.3f} {:.3f}\n\n\n", plan.net, times(plan.net, *choice.coded), 100 - choice.coded->test.accuracy,
                        times(plan.net, paper(plan.net)), 100 - paper(plan.net).test.accuracy);
    plots += fmt::format(", \\\n  data index {0} every ::0::0 using 1:2 with points pointtype 6 pointsize 2.4 linewidth 2 linecolor rgb '#c01030' notitle, \\\n"
                         "  data index {0} every ::1::1 using 1:2 with points pointtype 2 pointsize 1.6 linewidth 2 linecolor rgb '#222222' notitle",
                         index++);
    std::ranges::stable_sort(ends, {}, [](const auto& e) { return e.first; });
    spread(ends, (high - low) / 18, high, low);
    std::string labels = fmt::format("unset label\nset label 'dense' at graph 0.02, first {:.3f} left offset 0,0.5 textcolor rgb '#222222'\n", dense);
    for (const auto& [y, name] : ends) labels += fmt::format("set label '{}' at graph 1.02, first {:.3f} left textcolor rgb '{}'\n", name, y, colours.at(name));
    panels += fmt::format("set title '{}: o chosen, {:.0f} times; x the paper''s densities, {:.0f} times'\nset xrange [1:{:.0f}]\nset yrange [{}:{}]\n{}{}\n", in_words(plan.net),
                          times(plan.net, *choice.coded), times(plan.net, paper(plan.net)), right, low, high, labels, plots);
  }
  plot(figures, "compression", data,
       fmt::format("set multiplot layout 1,{} title \"{}\\n{{/*0.8 {}; {}}}\"\nset grid linecolor rgb '#dddddd'\nset logscale x\nset xtics (1,2,5,10,20,50,100,200,500)\n"
                   "set lmargin 8\nset rmargin 15\n"
                   "set bmargin 4\nset xlabel 'times smaller than 32 bits a weight'\nset ylabel 'test error (%)'\n{}unset multiplot\n",
                   plans.size(), gnuplot_text(finding()), gnuplot_text(seeds), gnuplot_text(command), panels),
       plans.size() > 1 ? 1400 : 900, 540);

  // The paper's arm of the first network.
  const CentroidsFound& c = nets.at(plans.front().net).centroids;
  const auto [low, high] = std::ranges::minmax(c.weights);
  constexpr int bins = 120;
  const double width = std::max(1e-12, static_cast<double>(high) - low) / bins;
  std::vector<int> count(bins, 0);
  for (const float w : c.weights) ++count[static_cast<std::size_t>(std::min(bins - 1, static_cast<int>((w - low) / width)))];
  std::string text = "# weights, how many\n";
  for (int b = 0; b < bins; ++b) text += fmt::format("{:.5f} {}\n", low + (b + 0.5) * width, count[static_cast<std::size_t>(b)]);
  double moved = 0;
  for (std::size_t i = 0; i < std::min(c.before.size(), c.after.size()); ++i) moved += std::abs(c.after[i] - c.before[i]) / static_cast<double>(c.after.size());
  for (const auto* values : {&c.before, &c.after}) {
    text += "\n\n# centroids\n";
    for (const float v : *values) text += fmt::format("{:.6f} {}\n", v, values == &c.before ? 1.06 : 1.14);
  }
  plot(figures, "centroids", text,
       fmt::format("set multiplot title \"{}\\n{{/*0.8 {}; {}}}\"\nset grid linecolor rgb '#dddddd'\nset lmargin 10\nset rmargin 16\nset tmargin 4\nset bmargin 4\nset xlabel 'weight'\n"
                   "set ylabel 'kept weights in each of {} bins'\ntop = {}\nset yrange [0:1.22 * top]\n"
                   "set label 'after fine-tuning' at graph 1.01, first 1.14 * top left textcolor rgb '#c01030'\nset label 'k-means' at graph 1.01, first 1.06 * top left textcolor rgb '#1f5fbf'\n"
                   "plot data index 0 using 1:2 with boxes fillstyle solid 0.6 noborder linecolor rgb '#888888' notitle, data index 1 using 1:($2 * top) with points pointtype 7 pointsize 0.7 "
                   "linecolor rgb '#1f5fbf' notitle, data index 2 using 1:($2 * top) with points pointtype 7 pointsize 0.7 linecolor rgb '#c01030' notitle\nunset multiplot\n",
                   gnuplot_text(fmt::format("{} of {}: {} weights share {} values, which fine-tuning moves by {:.3f} on the average", c.layer, in_words(plans.front().net),
                                            c.weights.size(), c.after.size(), moved)),
                   gnuplot_text(seeds), gnuplot_text(command), bins, *std::ranges::max_element(count)),
       1000, 520);
}

}  // namespace bonsai::experiments
