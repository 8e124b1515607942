// Accuracy against the channels that are gone, before and after fine-tuning, a line a criterion; and speed against the same.
#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/filters.h"

namespace bonsai::experiments {
namespace {

struct Look {
  const char *criterion, *colour;
};
const Look looks[] = {{"l1", "#d9651a"}, {"l2", "#a0522d"}, {"fpgm", "#1f5fbf"}, {"fpgm-mix", "#2ab0b0"}, {"taylor", "#2a9048"}, {"bn-gamma", "#7a3fb0"}, {"apoz", "#c03a6b"}, {"activation", "#c09a20"},
                      {"random", "#888888"}};
const char* colour(const std::string& criterion) {
  const auto* l = std::ranges::find_if(looks, [&](const Look& x) { return x.criterion == criterion; });
  return l == std::end(looks) ? "#222222" : l->colour;
}

// Names at the lines' ends, right of the picture.
std::string named(std::vector<std::pair<double, std::string>> ends, double low, double high, const std::map<std::string, std::string>& colours) {
  std::stable_sort(ends.begin(), ends.end(), [](auto& a, auto& b) { return a.first < b.first; });
  spread(ends, (high - low) / 17, high, low);
  std::string labels = "unset label\n";
  for (const auto& [y, name] : ends) labels += fmt::format("set label '{}' at graph 1.02, first {:.4f} left textcolor rgb '{}'\n", name, y, colours.at(name));
  return labels;
}

}  // namespace

void FilterRuns::draw(const std::filesystem::path& figures) const {
  std::string data, panels;
  std::map<std::string, std::string> colours;
  const Accuracy whole = accuracy("fine-tuned", 0);
  for (const bool after : {false, true}) {
    double low = 100, high = 0;
    std::vector<std::pair<double, std::string>> ends;
    std::string plots;
    for (const std::string& c : criteria) {
      colours[c] = colour(c);
      data += fmt::format("# {}, {} fine-tuning: channels gone in percent, test accuracy in percent\n0 {:.4f}\n", c, after ? "after" : "before", after ? whole.after : whole.before);
      for (std::size_t l = 1; l <= ratios.size(); ++l) {
        const Accuracy a = accuracy(c, static_cast<std::int64_t>(l));
        const double y = after ? a.after : a.before;
        data += fmt::format("{:g} {:.4f}\n", 100 * ratios[l - 1], y);
        low = std::min(low, y), high = std::max(high, y);
        if (l == ratios.size()) ends.emplace_back(y, c);
      }
      data += "\n\n";
      plots += fmt::format("{}data index {} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.7 linecolor rgb '{}' notitle", plots.empty() ? "plot " : ", \\\n  ",
                           (after ? criteria.size() : 0) + ends.size() - 1, colours[c]);
    }
    high = std::ceil(std::max(high, after ? whole.after : whole.before) + 1), low = std::max(0.0, std::floor(low - 1));
    panels += fmt::format("set title '{}'\nset yrange [{}:{}]\n{}{}\n", after ? fmt::format("after {} steps of fine-tuning", iterations) : soft() ? "set to 0 at once" : "as they were cut", low, high,
                          named(ends, low, high, colours), plots);
  }
  const double last = 100 * ratios.back();
  const std::string heading = gnuplot_text(fmt::format("{}\\n{{/*0.8 {}; {}}}", finding(), seeds, command));
  plot(figures, "accuracy", data,
       fmt::format("set multiplot layout 1,2 title \"{}\"\nset grid linecolor rgb '#dddddd'\nset lmargin 9\nset rmargin 13\nset bmargin 4\nset xlabel '{} gone (%)'\n"
                   "set ylabel 'test accuracy (%)'\nset xrange [0:{:g}]\n{}unset multiplot\n",
                   heading, soft() ? "filters" : "channels", last, panels),
       1300, 520);
  if (soft()) return;

  // One criterion's networks stand for all: each layer loses the same share, or nearly.
  const std::string& c = criteria.front();
  std::string speeds;
  double top = 1, bottom = 1;
  struct Line {
    const char *name, *colour;
    double (*of)(const Cut& c, const Cut& dense);
  };
  const Line lines[] = {{"MACs: times fewer", "#222222", [](const Cut& x, const Cut& d) { return static_cast<double>(d.macs) / static_cast<double>(x.macs); }},
                        {"measured, batch 64", "#1f5fbf", [](const Cut& x, const Cut&) { return x.speedup64; }},
                        {"measured, batch 1", "#d9651a", [](const Cut& x, const Cut&) { return x.speedup1; }}};
  std::string plots;
  std::vector<std::pair<double, std::string>> ends;
  for (const Line& l : lines) {
    speeds += fmt::format("# {}\n0 1\n", l.name);
    for (std::size_t k = 1; k <= ratios.size(); ++k) {
      const double y = l.of(cuts.at({c, static_cast<std::int64_t>(k)}), dense);
      speeds += fmt::format("{:g} {:.4f}\n", 100 * ratios[k - 1], y);
      top = std::max(top, y), bottom = std::min(bottom, y);
      if (k == ratios.size()) ends.emplace_back(y, l.name);
    }
    speeds += "\n\n";
    colours[l.name] = l.colour;
    plots += fmt::format("{}data index {} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.7 linecolor rgb '{}' notitle", plots.empty() ? "plot " : ", \\\n  ",
                         ends.size() - 1, l.colour);
  }
  top = std::ceil(top * 1.05), bottom = std::floor(bottom * 10) / 10;
  plot(figures, "speed", speeds,
       fmt::format("set title \"{}\"\nset grid linecolor rgb '#dddddd'\nset rmargin 22\nset xlabel 'channels gone (%)'\nset ylabel 'times the dense network'\nset xrange [0:{:g}]\n"
                   "set yrange [{:g}:{:g}]\n{}{}\n",
                   gnuplot_text(fmt::format("{:g}% of the channels: {:.2f} times less to do, {:.2f} times as fast\\n{{/*0.8 {}, networks cut by {}}}\\n{{/*0.7 {}}}", last,
                                            lines[0].of(cuts.at({c, static_cast<std::int64_t>(ratios.size())}), dense),
                                            cuts.at({c, static_cast<std::int64_t>(ratios.size())}).speedup64, net, c, command)),
                   last, bottom, top, named(ends, bottom, top, colours), plots),
       900, 520);
}

}  // namespace bonsai::experiments
