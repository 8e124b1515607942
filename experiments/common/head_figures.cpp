// Accuracy against heads left, a line a criterion; and the order in which the heads of each block went.
#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/head_report.h"

namespace bonsai::experiments {
namespace {

const std::map<std::string, std::string> colours{{"importance", "#2a9048"}, {"loss", "#222222"}, {"norm", "#d9651a"}, {"random", "#888888"}};

std::string data_of(const std::string& name, const HeadRuns::Curve& curve) {
  std::string data = fmt::format("# {}: heads left, test accuracy in percent\n", name);
  for (std::size_t i = 0; i < curve.left.size(); ++i) data += fmt::format("{} {:.4f}\n", curve.left[i], curve.accuracies[i]);
  return data + "\n\n";
}

// Heads fall from left to right, so the lines end at the right.
std::string panel(const std::string& title, const std::vector<std::pair<std::string, const HeadRuns::Curve*>>& curves, std::size_t index, double low) {
  std::string plots, labels = "unset label\n";
  std::vector<std::pair<double, std::string>> ends;
  for (const auto& [name, curve] : curves) {
    plots += fmt::format("{}data index {} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.6 linecolor rgb '{}' notitle", plots.empty() ? "plot " : ", \\\n  ",
                         index++, colours.at(name));
    ends.emplace_back(std::max(low, curve->accuracies.back()), name);
  }
  std::stable_sort(ends.begin(), ends.end(), [](auto& a, auto& b) { return a.first < b.first; });
  spread(ends, (100 - low) / 16, 100, low);
  for (const auto& [y, name] : ends) labels += fmt::format("set label '{}' at graph 1.03, first {:.4f} left textcolor rgb '{}'\n", name, y, colours.at(name));
  const auto& left = curves.front().second->left;
  return fmt::format("set title '{}'\nset xrange [{}:{}]\nset yrange [{}:100]\n{}{}\n", title, left.front(), left.back(), low, labels, plots);
}

double lowest_of(const std::vector<std::pair<std::string, const HeadRuns::Curve*>>& curves) {
  double low = 100;
  for (const auto& [name, curve] : curves) low = std::min(low, *std::ranges::min_element(curve->accuracies));
  return std::max(0.0, std::floor(low / 10) * 10);
}

}  // namespace

void HeadRuns::draw(const std::filesystem::path& figures) const {
  std::string data, panels;
  std::size_t index = 0;
  for (const int which : {0, 1, 2}) {  // as they were cut, fine-tuned, planted
    std::vector<std::pair<std::string, const Curve*>> curves;
    for (const std::string& c : criteria) {
      curves.emplace_back(c, which == 2 ? &planted.at(c) : &rows.at({c, which == 1}));
      data += data_of(c, *curves.back().second);
    }
    const std::string title = which == 2 ? fmt::format("planted heads, {} seeds", seeds) : which == 1 ? fmt::format("MNIST rows, {} steps after each", fine_tuning) : "MNIST rows, as they were cut";
    panels += panel(title, curves, index, lowest_of(curves));
    index += curves.size();
  }
  plot(figures, "heads_accuracy", data,
       fmt::format("set multiplot layout 1,3 title \"{}\\n{{/*0.8 {}; {}}}\"\nset grid linecolor rgb '#dddddd'\nset lmargin 8\nset rmargin 12\nset bmargin 4\nset xlabel 'heads left'\n"
                   "set ylabel 'test accuracy (%)'\n{}unset multiplot\n",
                   gnuplot_text(finding()), gnuplot_text(about), gnuplot_text(command), panels),
       1500, 500);

  // A matrix a criterion, blocks from the top down; a head's number is when it went.
  std::string orders, maps;
  const std::int64_t steps = blocks * heads - blocks;
  for (std::size_t k = 0; k < criteria.size(); ++k) {
    const Curve& curve = rows.at({criteria[k], false});
    orders += fmt::format("# {}: head, block, when it went ({}: it stays)\n", criteria[k], steps + 1);
    for (int b = 0; b < blocks; ++b)
      for (int h = 0; h < heads; ++h) {
        const auto at = std::ranges::find(curve.gone, std::pair{b, h});
        const auto when = at == curve.gone.end() ? steps + 1 : at - curve.gone.begin() + 1;
        orders += fmt::format("{} {} {} \"{}\" {}\n", h + 1, b + 1, when, when > steps ? "stays" : std::to_string(when), 2 * when > steps ? 0 : 1);
      }
    orders += "\n\n";
    maps += fmt::format("set title '{}'\nplot data index {} using 1:2:3 with image notitle, data index {} using ($5 == 0 ? $1 : NaN):2:4 with labels textcolor rgb 'black' notitle, "
                        "data index {} using ($5 == 1 ? $1 : NaN):2:4 with labels textcolor rgb 'white' notitle\n",
                        criteria[k], k, k, k);
  }
  plot(figures, "heads_order", orders,
       fmt::format("set multiplot layout {},2 title \"When each head went: dark ones first, of each block one stays\\n{{/*0.8 MNIST rows, no fine-tuning; {}; {}}}\"\n"
                   "set palette defined (0 '#30303a', 1 '#f2d24b')\nunset colorbox\nset cbrange [1:{}]\nset xrange [0.5:{}.5]\nset yrange [{}.5:0.5]\nset xtics 1\nset ytics 1\n"
                   "set xlabel 'head'\nset ylabel 'block'\n{}unset multiplot\n",
                   (criteria.size() + 1) / 2, gnuplot_text(about), gnuplot_text(command), steps + 1, heads, blocks, maps),
       1100, static_cast<int>(100 + (criteria.size() + 1) / 2 * static_cast<std::size_t>(110 + 45 * blocks)));
}

}  // namespace bonsai::experiments
