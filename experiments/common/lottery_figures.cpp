// The paper's figure 3 (accuracy against iteration) and figure 4 (against the weights left), for gnuplot.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/lottery.h"

namespace bonsai::experiments {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
std::string number(double v, int digits) { return std::isnan(v) ? "NaN" : fmt::format("{:.{}f}", v, digits); }

// The levels nearest to 100, 51, 21, 7 and 3.6%, and the last.
std::vector<std::int64_t> levels_to_draw(const Lottery& l) {
  std::vector<std::int64_t> levels;
  for (std::int64_t level : {0, 3, 7, 12, 15}) if (level <= l.rounds) levels.push_back(level);
  if (levels.back() != l.rounds && l.rounds < 15) levels.push_back(l.rounds);
  return levels;
}

// Text for a gnuplot title in double quotes, where an underscore would lower what follows.
std::string plain(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '_' ? "\\\\_" : c == '"' ? "" : std::string(1, c);
  return out;
}

// Moves labels at rising heights as little as possible (least squares) until neighbours are `step` apart, none above `top`: with i
// steps taken off the i-th it is isotonic regression, which pooling neighbours in the wrong order solves.
void spread(std::vector<std::pair<double, std::string>>& labels, double step, double top) {
  std::vector<std::pair<double, int>> pools;  // mean height, members
  for (std::size_t i = 0; i < labels.size(); ++i) {
    pools.emplace_back(labels[i].first - static_cast<double>(i) * step, 1);
    while (pools.size() > 1 && pools[pools.size() - 2].first > pools.back().first) {
      const auto [mean, members] = pools.back();
      pools.pop_back();
      auto& [below, count] = pools.back();
      below = (below * count + mean * members) / (count + members);
      count += members;
    }
  }
  std::size_t i = 0;
  for (auto [mean, members] : pools)
    for (; members > 0; --members, ++i)
      labels[i].first = std::min(mean + static_cast<double>(i) * step, top - static_cast<double>(labels.size() - 1 - i) * step);
}

// Test accuracy against iteration: a line a level, the ticket's solid, the control's dashed in the same colour.
void draw_accuracy(const Lottery& l, const std::filesystem::path& figures) {
  const Cell end_ticket = l.cell("ticket", l.rounds), end_reinit = l.cell("reinit", l.rounds);
  const std::vector<const char*> shades{"#222222", "#1f5fbf", "#2f8f4e", "#d9651a", "#b3202c", "#7a3fb0"};
  std::string data, plots, labels;
  double low = 100, high = 0;
  int index = 0;
  std::vector<std::pair<double, std::string>> ends;
  const std::vector<std::int64_t> levels = levels_to_draw(l);
  for (std::size_t k = 0; k < levels.size(); ++k)
    for (const std::string& arm : {std::string("ticket"), std::string("reinit")}) {
      const Cell c = l.cell(arm, levels[k]);
      if (c.empty()) continue;
      data += fmt::format("# {} level {}: iteration, mean test accuracy\n", arm, levels[k]);
      for (auto [iteration, accuracy] : c.curve) {
        data += fmt::format("{} {:.4f}\n", iteration, accuracy);
        if (iteration >= l.iterations / 8) low = std::min(low, accuracy);
        high = std::max(high, accuracy);
      }
      data += "\n\n";
      plots += fmt::format("{} data index {} using 1:2 with lines linewidth {} dashtype {} linecolor rgb '{}' notitle", plots.empty() ? "plot" : ", \\\n    ", index++,
                           arm == "ticket" ? 2.2 : 1.6, arm == "ticket" ? "1" : "2", shades[k % shades.size()]);
      ends.emplace_back(c.curve.back().second, fmt::format("{:.{}f}%{}|{}", 100 * c.density, levels[k] == 0 ? 0 : 1, arm == "ticket" ? "" : ", new weights", shades[k % shades.size()]));
    }
  low = std::floor(low * 2) / 2;
  high = std::ceil(high * 2 + 0.2) / 2;
  std::sort(ends.begin(), ends.end());
  // Labels at the lines' ends, pushed apart where they would overlap.
  spread(ends, (high - low) / 22, high);
  for (auto& [y, text] : ends) {
    const std::size_t bar = text.find('|');
    labels += fmt::format("set label '{}' at graph 1.01, first {:.4f} left textcolor rgb '{}'\n", text.substr(0, bar), y, text.substr(bar + 1));
  }
  const std::string finding = end_reinit.empty() ? fmt::format("Lottery ticket down to {:.1f}% of the weights", 100 * end_ticket.density)
                                                 : fmt::format("With {:.1f}% of the weights the ticket reaches {:.2f}%; the same mask with new weights {:.2f}%",
                                                               100 * end_ticket.density, end_ticket.accuracy_final.mean, end_reinit.accuracy_final.mean);
  plot(figures, "accuracy", data,
       fmt::format("set title \"{}\\n{{/*0.8 {}; {}}}\"\nset xlabel 'training iteration'\nset ylabel 'test accuracy (%)'\nset rmargin 24\nset grid linecolor rgb '#dddddd'\n"
                   "set xrange [0:{}]\nset yrange [{}:{}]\n{}{}\n",
                   plain(finding), plain(l.seeds), plain(l.command), l.iterations, low, high, labels, plots),
       1000, 560);
}

// Against density: how fast, when to stop, how good; a line an arm, crosses for the paper.
void draw_density(const Lottery& l, const std::filesystem::path& figures) {
  static const std::map<std::string, std::string> colours{{"ticket", "#1f5fbf"}, {"reinit", "#d9651a"}, {"oneshot", "#2f8f4e"}};
  const bool bars = std::any_of(l.runs.begin(), l.runs.end(), [](const Lottery::Run& r) { return r.id.trial > 0 || r.id.repeat > 0; });
  const Cell dense = l.cell("ticket", 0), end_ticket = l.cell("ticket", l.rounds);
  std::string data;
  bool reached_97 = false, has_crosses = false;
  for (const std::string& arm : l.arms) {
    data += fmt::format("# {}: density %, then mean min max of iterations to 97%, early stop, accuracy there, final accuracy; 1 if early stop was cut off\n", arm);
    for (std::int64_t level = 0; level <= l.rounds; ++level) {
      const Cell c = l.cell(arm, level);
      if (c.empty()) continue;
      data += number(100 * c.density, 4);
      reached_97 |= !std::isnan(c.iterations_to_97.mean);
      for (const Statistic* s : {&c.iterations_to_97, &c.early_stop, &c.accuracy_at_early_stop, &c.accuracy_final})
        data += fmt::format(" {} {} {}", number(s->mean, 4), number(s->min, 4), number(s->max, 4));
      data += fmt::format(" {}\n", c.early_stop.mean > 0.95 * static_cast<double>(l.iterations) ? 1 : 0);
    }
    data += "\n\n";
  }
  data += "# the paper, relative to our dense network: density %, early-stop iteration, accuracy at early stop\n";
  for (auto& [level, p] : l.paper) {
    const Cell c = l.cell("ticket", level);
    if (c.empty() || level == 0) continue;
    has_crosses = true;
    data += fmt::format("{:.4f} {} {}\n", 100 * c.density, number(p.early_stop_over_dense ? *p.early_stop_over_dense * dense.early_stop.mean : nan, 2),
                        number(p.gain_over_dense ? dense.accuracy_at_early_stop.mean + *p.gain_over_dense : nan, 4));
  }
  const int paper_index = static_cast<int>(l.arms.size());
  // One panel: a line an arm, crosses for the paper. The last panel names the arms at their lines' ends.
  auto panel = [&](const char* title, int column, int paper_column, bool hollow, const std::string& range, bool names) {
    std::string p = fmt::format("unset label\nset title '{}'\nset yrange {}\nset rmargin {}\n", title, range, names ? 15 : 2), plots = "plot ";
    if (!has_crosses) paper_column = 0;
    if (paper_column && !names) p += "set label 'x  the paper, relative to our dense network' at graph 0.03, graph 0.06 left font ',9'\n";
    for (std::size_t a = 0; a < l.arms.size(); ++a) {
      const std::string colour = colours.contains(l.arms[a]) ? colours.at(l.arms[a]) : "#555555", style = fmt::format("linecolor rgb '{}'", colour);
      if (const Cell c = l.cell(l.arms[a], l.rounds); names && !c.empty())
        p += fmt::format("set label \"{}\" at graph 1.03, first {:.4f} left textcolor rgb '{}'\n", l.arms[a] == "reinit" ? "same mask,\\nnew weights" : legend(l.arms[a]),
                         c.accuracy_at_early_stop.mean, colour);
      plots += fmt::format("data index {} using 1:{} with lines linewidth 2 {} notitle, \\\n  ", a, column, style);
      if (bars) plots += fmt::format("data index {} using 1:{}:{}:{} with yerrorbars pointtype 0 {} notitle, \\\n  ", a, column, column + 1, column + 2, style);
      plots += fmt::format("data index {} using 1:({}${}) with points pointtype 7 pointsize 0.8 {} notitle, \\\n  ", a, hollow ? "$14 > 0 ? NaN : " : "", column, style);
      if (hollow) plots += fmt::format("data index {} using 1:($14 > 0 ? ${} : NaN) with points pointtype 6 pointsize 1.1 linewidth 1.5 {} notitle, \\\n  ", a, column, style);
    }
    plots += paper_column ? fmt::format("data index {} using 1:{} with points pointtype 2 pointsize 1.3 linewidth 2 linecolor rgb '#000000' notitle\n", paper_index, paper_column)
                          : "NaN notitle\n";
    if (column == 2 && !reached_97) return p + "set yrange [0:1]\nset label 'no training got there' at graph 0.5, graph 0.5 center\nplot NaN notitle\n";
    return p + plots;
  };
  const double left = 110, right = 100 * end_ticket.density / 1.15;
  plot(figures, "density", data,
       fmt::format("set multiplot layout 1,3 title \"{}, from 100% to {:.1f}% of the weights ({}; {})\"\n"
                   "set logscale x\nset xrange [{}:{}]\nset xtics (100, 51.3, 21.1, 7.0, 3.6, 1.9, 1.2)\nset xlabel 'weights left (%)'\nset grid linecolor rgb '#dddddd'\nunset key\n",
                   l.arms.size() > 1 && l.arms[1] == "reinit" ? "Ticket against the same mask with new weights" : "Lottery ticket", 100 * end_ticket.density,
                   plain(l.seeds), plain(l.command), left, right) +
           panel("iterations to 97% validation accuracy", 2, 0, false, "[0:*]", false) +
           panel("early-stop iteration (hollow: cut off by the end)", 5, 2, true, fmt::format("[0:{}]", l.iterations * 23 / 20), false) +
           panel("test accuracy at early stop (%)", 8, 3, false, "[*:*]", true) + "unset multiplot\n",
       1500, 480);
}

}  // namespace

void Lottery::draw(const std::filesystem::path& figures) const {
  draw_accuracy(*this, figures);
  draw_density(*this, figures);
}

}  // namespace bonsai::experiments
