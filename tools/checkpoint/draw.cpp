#include <algorithm>

#include "experiments/common/figures.h"
#include "tools/checkpoint/look.h"

namespace bonsai::tools {

void draw(const std::filesystem::path& file, const SafeTensorsFile& in, const std::vector<Look>& all) {
  using experiments::gnuplot_text;
  require(file.extension() == ".png", "--figure {}: must end in .png", printable(file.string(), 4096));
  experiments::require_gnuplot();
  std::vector<const Look*> shown;
  for (const Look& l : all)
    if (l.is_weight() && l.largest() > 0) shown.push_back(&l);
  require(!shown.empty(), "{}: has no weight that is not 0, and so no histogram", in.name());
  constexpr std::size_t most = 12;
  if (shown.size() > most) {  // the largest, in the file's order
    std::vector<const Look*> by_size = shown;
    std::ranges::stable_sort(by_size, std::greater(), &Look::size);
    by_size.resize(most);
    std::erase_if(shown, [&](const Look* l) { return std::ranges::find(by_size, l) == by_size.end(); });
  }
  std::int64_t size = 0, left = 0, weights = 0;
  for (const Look& l : all)
    if (l.is_weight()) size += l.size, left += l.size - l.zeros, ++weights;

  std::string data, panels;
  const int columns = static_cast<int>(std::min<std::size_t>(shown.size(), 3)), rows = (static_cast<int>(shown.size()) + columns - 1) / columns;
  for (std::size_t k = 0; k < shown.size(); ++k) {
    const Look& l = *shown[k];
    const auto bins = static_cast<double>(l.counts.size());
    for (std::size_t b = 0; b < l.counts.size(); ++b)
      data += fmt::format("{} {}\n", l.largest() * ((2 * static_cast<double>(b) + 1) / bins - 1),
                          100 * static_cast<double>(l.counts[b]) / static_cast<double>(l.size));
    data += "\n\n";
    panels += fmt::format(
        "set title \"{}\\n{}: {:.2f}% not 0\" font ',10'\nset xrange [{}:{}]\nset xtics {}\nplot data index {} using 1:2 with boxes fillstyle solid "
        "noborder linecolor rgb '#3465a4' notitle\n",
        gnuplot_text(printable(l.tensor->name, 40)), str(l.tensor->shape), 100 * l.density(), -l.largest(), l.largest(), l.largest() * 0.999, k);
  }
  const std::string which = static_cast<std::int64_t>(shown.size()) < weights ? fmt::format(", the {} largest of {}", shown.size(), weights) : "";
  const std::string script = fmt::format(
      "set multiplot layout {},{} title \"{:.2f}% of {} weights are not 0: what is left\\n{{/*0.75 each bin's share of its tensor{}; ./bonsai run "
      "inspect {} --figure}}\" font ',13'\n"
      "set boxwidth 1 relative\nset yrange [0:*]\nset format x '%.2g'\nset format y '%.2g%%'\nset ytics nomirror\nset xtics nomirror\nset border "
      "3\nset bmargin 2.5\nset tmargin 4\nset offsets 0,0,graph 0.05,0\n{}unset multiplot\n",
      rows, columns, 100 * static_cast<double>(left) / static_cast<double>(size), size, which,
      gnuplot_text(printable(std::filesystem::path(in.name()).filename().string(), 60)), panels);
  experiments::plot(file.has_parent_path() ? file.parent_path() : ".", file.stem().string(), data, script, 320 * std::max(columns, 2),
                    90 + 210 * rows);
}

}  // namespace bonsai::tools
