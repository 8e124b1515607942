// The first layer's filters, network by network; and error against the multiply-adds that are left.
#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/ssl.h"

namespace bonsai::experiments {
namespace {

// A row of pictures, 5 by 5 with a gap, each filter over its largest weight; what is 0 is not a number, and stays white.
void add_row(std::string& data, const Tensor& w, std::int64_t row) {
  const std::int64_t filters = w.size(0), side = w.size(2);
  double top = 0;
  for (std::int64_t i = 0; i < w.numel(); ++i) top = std::max(top, std::abs(w.at(i)));
  for (std::int64_t f = 0; f < filters; ++f)
    for (std::int64_t y = 0; y < side; ++y)
      for (std::int64_t x = 0; x < side; ++x)
        if (const double v = w.at((f * side + y) * side + x); v != 0)
          data += fmt::format("{} {} {:.4f}\n", f * (side + 1) + x, -(row * (side + 2) + y), v / top);
}

}  // namespace

void SslRuns::draw(const std::filesystem::path& figures) const {
  std::string pixels = "# column, row, weight over the layer's largest\n", labels;
  std::int64_t row = 0;
  auto add = [&](const std::string& label, const Tensor& w) {
    const auto width = w.size(0) * 6;
    labels += fmt::format("set label \"{}\" at -3,{} right\n", label, -(row * 7 + 2));
    for (std::int64_t f = 0; f < w.size(0); ++f)
      labels += fmt::format("set object rectangle from {},{} to {},{} fillstyle empty border rgb '#bbbbbb' linewidth 0.6 back\n", f * 6 - 0.5, -(row * 7) + 0.5, f * 6 + 4.5, -(row * 7 + 4) - 0.5);
    add_row(pixels, w, row++);
    return width;
  };
  const Row& dense = rows.at({"lenet5", 0});
  const std::int64_t width = add(fmt::format("dense, error {:.2f}%", dense.error), dense.values[0]);
  std::string last_filters;
  for (const SslArm& arm : arms)
    for (std::size_t level = 1; arm.net == "lenet5" && level <= arm.lambdas.size(); ++level) {
      const Row& r = rows.at({arm.name, static_cast<std::int64_t>(level)});
      if (r.collapsed) continue;
      add(fmt::format("{}, λ {:g}, {:.2f}%", arm.name, arm.lambdas[level - 1], r.error), r.values[0]);
      if (arm.name == "filters") last_filters = fmt::format("{} of 20 filters are left at λ = {:g}", r.left.substr(0, r.left.find('-')), arm.lambdas[level - 1]);
    }
  const std::string source = gnuplot_text(fmt::format("{}; {}", seeds, command));
  plot(figures, "filters", pixels,
       fmt::format("set title \"The first layer of LeNet-5 under group lasso: {}\\n{{/*0.8 {}}}\"\nunset border\nunset tics\nunset colorbox\nunset key\nset lmargin at screen 0.2\nset rmargin at screen 0.98\n"
                   "set palette defined (-1 '#1f5fbf', 0 '#f2f2f2', 1 '#d9651a')\nset cbrange [-1:1]\nset xrange [-1:{}]\nset yrange [{}:1]\nset size ratio -1\n{}"
                   "plot data using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid linecolor palette notitle\n",
                   last_filters.empty() ? "every penalty has emptied a layer" : last_filters, source, width, -(row * 7), labels),
       1200, static_cast<int>(90 + 58 * row));

  struct Look {
    const char *arm, *name, *colour;
  };
  static constexpr Look looks[] = {{"filters", "LeNet-5, filters and channels", "#d9651a"}, {"shapes", "LeNet-5, filter shapes", "#1f5fbf"}, {"neurons", "MLP, neurons", "#2a9048"}};
  std::string data, plots, names;
  double top = 0, least = 50;
  std::vector<std::pair<double, std::string>> ends;
  int index = 0;
  for (const SslArm& arm : arms) {
    const auto* look = std::ranges::find_if(looks, [&](const Look& l) { return arm.name == l.arm; });
    data += fmt::format("# {}: MACs left in percent, error in percent\n", look->name);
    double smallest = 100, error = 0;
    for (std::size_t level = 0; level <= arm.lambdas.size(); ++level) {
      const Row& r = rows.at({level == 0 ? arm.net : arm.name, static_cast<std::int64_t>(level)});
      if (r.collapsed) continue;
      data += fmt::format("{:.3f} {:.4f}\n", 100 * r.macs, r.error);
      top = std::max(top, r.error), least = std::min(least, 100 * r.macs);
      if (100 * r.macs <= smallest) smallest = 100 * r.macs, error = r.error;
    }
    data += "\n\n";
    plots += fmt::format("{}data index {} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.8 linecolor rgb '{}' notitle", index == 0 ? "plot " : ", \\\n  ", index, look->colour);
    ++index;
    ends.emplace_back(error, fmt::format("{}' textcolor rgb '{}", look->name, look->colour));
  }
  top *= 1.15;
  std::stable_sort(ends.begin(), ends.end(), [](auto& a, auto& b) { return a.first < b.first; });
  spread(ends, top / 15, top);
  for (const auto& [y, name] : ends) {
    const std::size_t cut = name.find('\'');
    names += fmt::format("set label '{}' at graph 1.02, first {:.4f} left {}'\n", name.substr(0, cut), y, name.substr(cut + 2));
  }
  plot(figures, "error", data,
       fmt::format("set title \"{}\\n{{/*0.8 {}}}\"\nset grid linecolor rgb '#dddddd'\nset rmargin 32\nset xlabel 'multiply-adds left (%)'\nset ylabel 'test error (%)'\nset logscale x\nset xtics (100, 70, 50, 30, 20, 10, 5, 2, 1)\n"
                   "set xrange [100:{:.3f}]\nset yrange [0:{:.4f}]\n{}{}\n",
                   gnuplot_text(finding()), source, 0.9 * least, top, names, plots),
       1200, 560);
}

}  // namespace bonsai::experiments
