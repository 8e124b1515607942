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
  for (std::int64_t level : {0, 3, 7, 12, 15})
    if (level <= l.rounds) levels.push_back(level);
  if (levels.back() != l.rounds && l.rounds < 15) levels.push_back(l.rounds);
  return levels;
}

// Test accuracy against iteration: a colour a level, the ticket's line solid, the controls' dashed and dotted.
void draw_accuracy(const Lottery& l, const std::filesystem::path& figures) {
  const std::vector<const char*> shades{"#222222", "#1f5fbf", "#2f8f4e", "#d9651a", "#b3202c", "#7a3fb0"};
  std::string data, lines;
  double low = 100, high = 0;
  int index = 0;
  std::vector<std::pair<double, std::string>> ends;  // where a line ends, and gnuplot's words for its label
  const std::vector<std::int64_t> levels = levels_to_draw(l);
  for (std::size_t k = 0; k < levels.size(); ++k)
    for (const std::string arm : {"ticket", "reinit", "random"}) {
      const Cell c = l.cell(arm, levels[k]);
      if (c.empty()) continue;
      data += fmt::format("# {} level {}: iteration, mean test accuracy\n", arm, levels[k]);
      for (auto [iteration, accuracy] : c.curve) {
        data += fmt::format("{} {:.4f}\n", iteration, accuracy);
        if (iteration >= l.iterations / 8) low = std::min(low, accuracy);  // the first climb would squeeze the rest
        high = std::max(high, accuracy);
      }
      data += "\n\n";
      const char* shade = shades[k % shades.size()];
      lines += fmt::format("{} data index {} using 1:2 with lines {} linecolor rgb '{}' notitle",
                           lines.empty() ? "plot" : ", \\\n    ", index++,
                           arm == "ticket"   ? "linewidth 2.2 dashtype 1"
                           : arm == "reinit" ? "linewidth 1.6 dashtype 2"
                                             : "linewidth 1.6 dashtype 3",
                           shade);
      ends.emplace_back(c.curve.back().second,
                        fmt::format("'{:.{}f}%{}' textcolor rgb '{}'", 100 * c.density, levels[k] == 0 ? 0 : 1,
                                    arm == "ticket" ? "" : arm == "reinit" ? ", new weights" : ", random mask", shade));
    }
  low = std::floor(low * 2) / 2;
  high = std::ceil(high * 2 + 0.2) / 2;
  std::sort(ends.begin(), ends.end());
  spread(ends, (high - low) / 22, high);
  std::string labels;
  for (auto& [y, words] : ends) labels += fmt::format("set label {} at graph 1.01, first {:.4f} left\n", words, y);

  const Cell ticket = l.cell("ticket", l.rounds), reinit = l.cell("reinit", l.rounds), random = l.cell("random", l.rounds);
  std::string finding = fmt::format("With {:.1f}% of the weights the ticket reaches {:.2f}%", 100 * ticket.density,
                                    ticket.accuracy_final.mean);
  if (!reinit.empty()) finding += fmt::format("; {} new weights {:.2f}%", random.empty() ? "the same mask with" : "with", reinit.accuracy_final.mean);
  if (!random.empty()) finding += fmt::format("; a random mask {:.2f}%", random.accuracy_final.mean);
  const std::string script = fmt::format(R"gp(set title "{}\n{{/*0.8 {}; {}}}"
set xlabel 'training iteration'
set ylabel 'test accuracy (%)'
set rmargin 24
set grid linecolor rgb '#dddddd'
set xrange [0:{}]
set yrange [{}:{}]
)gp",
                                         gnuplot_text(finding), gnuplot_text(l.seeds), gnuplot_text(l.command), l.iterations, low, high);
  plot(figures, "accuracy", data, script + labels + lines + "\n", 1000, 560);
}

// The columns of density.dat: density in percent, then mean, min and max of each of these.
enum Column { to_target = 2, early_stop = 5, accuracy_at_early_stop = 8, accuracy_final = 11, cut_off = 14 };

std::string density_row(const Cell& c, std::int64_t iterations) {
  std::string row = number(100 * c.density, 4);
  for (const Statistic* s : {&c.iterations_to_target, &c.early_stop, &c.accuracy_at_early_stop, &c.accuracy_final})
    row += fmt::format(" {} {} {}", number(s->mean, 4), number(s->min, 4), number(s->max, 4));
  return row + fmt::format(" {}\n", c.early_stop.mean > 0.95 * static_cast<double>(iterations) ? 1 : 0);
}

// Against density: how fast, when to stop, how good; a line an arm, crosses for the paper.
void draw_density(const Lottery& l, const std::filesystem::path& figures) {
  static const std::map<std::string, std::string> colours{
      {"ticket", "#1f5fbf"}, {"continued", "#888888"}, {"reinit", "#d9651a"}, {"random", "#7a3fb0"}, {"oneshot", "#2f8f4e"}};
  const bool bars = std::any_of(l.runs.begin(), l.runs.end(),
                                [](const Lottery::Run& r) { return r.id.trial > 0 || r.id.repeat > 0; });
  const Cell dense = l.cell("ticket", 0);
  std::string data;
  bool reached_target = false;
  double low = 100, high = 0;  // of the accuracy at early stop
  for (const std::string& arm : l.arms) {
    data += fmt::format(
        "# {}: density %, then mean min max of iterations to {:g}%, early stop, accuracy there, final accuracy; ", arm, l.target);
    data += "1 if early stop was cut off\n";
    for (std::int64_t level = 0; level <= l.rounds; ++level)
      if (const Cell c = l.cell(arm, level); !c.empty()) {
        data += density_row(c, l.iterations);
        reached_target |= !std::isnan(c.iterations_to_target.mean);
        low = std::min(low, c.accuracy_at_early_stop.min);
        high = std::max(high, c.accuracy_at_early_stop.max);
      }
    data += "\n\n";
  }
  std::string crosses;  // density, early-stop iteration, accuracy there
  for (auto& [level, p] : l.paper)
    if (const Cell c = l.cell("ticket", level); !c.empty() && level > 0 && (p.early_stop_over_dense || p.gain_over_dense))
      crosses += fmt::format("{:.4f} {} {}\n", 100 * c.density,
                             number(p.early_stop_over_dense.value_or(nan) * dense.early_stop.mean, 2),
                             number(dense.accuracy_at_early_stop.mean + p.gain_over_dense.value_or(nan), 4));
  data +=
      "# the paper, relative to our dense network: density %, early-stop iteration, accuracy at early stop\n" + crosses;

  // The last panel names the lines, at their ends.
  low = std::floor(low * 2) / 2;
  high = std::ceil(high * 2 + 0.2) / 2;
  std::vector<std::pair<double, std::string>> ends;
  for (const std::string& arm : l.arms)
    if (const Cell c = l.cell(arm, l.rounds); !c.empty()) {
      std::string words = legend(arm);
      if (const std::size_t comma = words.find(", "); comma != std::string::npos) words.replace(comma, 2, ",\\n");
      ends.emplace_back(c.accuracy_at_early_stop.mean, fmt::format("\"{}\" textcolor rgb '{}'", words, colours.at(arm)));
    }
  std::sort(ends.begin(), ends.end());
  spread(ends, (high - low) / 9, high);
  std::string labels;
  for (auto& [y, words] : ends) labels += fmt::format("set label {} at graph 1.03, first {:.4f} left\n", words, y);

  // One panel: a line an arm, and the paper's crosses from column `cross` of their rows (0: none).
  auto panel = [&](const char* title, Column column, const std::string& range, int cross) {
    std::string p = fmt::format("unset label\nset title '{}'\nset yrange {}\nset rmargin {}\n", title, range,
                                column == accuracy_at_early_stop ? 17 : 2);
    if (column == accuracy_at_early_stop) p += labels;
    if (column == to_target && !reached_target)
      return p +
             "set yrange [0:1]\nset label 'no training got there' at graph 0.5, graph 0.5 center\nplot NaN notitle\n";
    if (column == early_stop && !crosses.empty())
      p += "set label 'x  the paper, relative to our dense network' at graph 0.03, graph 0.95 left font ',9'\n";
    std::string plots;
    for (std::size_t a = 0; a < l.arms.size(); ++a) {
      const std::string& arm = l.arms[a];
      const std::string& colour = colours.at(arm);
      auto add = [&](const std::string& using_, const char* with) {
        plots +=
            fmt::format("data index {} using {} with {} linecolor rgb '{}' notitle, \\\n  ", a, using_, with, colour);
      };
      add(fmt::format("1:{}", int{column}), "lines linewidth 2");
      if (bars) add(fmt::format("1:{}:{}:{}", int{column}, column + 1, column + 2), "yerrorbars pointtype 0");
      if (column == early_stop) {
        add(fmt::format("1:(${} > 0 ? NaN : ${})", int{cut_off}, int{column}), "points pointtype 7 pointsize 0.8");
        add(fmt::format("1:(${} > 0 ? ${} : NaN)", int{cut_off}, int{column}),
            "points pointtype 6 pointsize 1.1 linewidth 1.5");
      } else {
        add(fmt::format("1:{}", int{column}), "points pointtype 7 pointsize 0.8");
      }
    }
    const bool draw = cross > 0 && !crosses.empty();
    return p + "plot " + plots +
           (draw ? fmt::format("data index {} using 1:{} with points pointtype 2 pointsize 1.3 linewidth 2 linecolor "
                               "rgb '#000000' notitle\n",
                               l.arms.size(), cross)
                 : "NaN notitle\n");
  };
  const double last = 100 * l.cell("ticket", l.rounds).density;
  auto has = [&](const char* arm) { return std::find(l.arms.begin(), l.arms.end(), arm) != l.arms.end(); };
  const std::string script =
      fmt::format(R"gp(set multiplot layout 1,3 title "{}, from 100% to {:.1f}% of the weights\n{{/*0.8 {}; {}}}"
set logscale x
set xrange [110:{}]
set xtics (100, 51.3, 21.1, 7.0, 3.6, 1.9, 1.2)
set xlabel 'weights left (%)'
set grid linecolor rgb '#dddddd'
unset key
)gp",
                  has("reinit") && has("random") ? "Ticket against the same mask with new weights, and random masks"
                  : has("reinit")                ? "Ticket against the same mask with new weights"
                  : has("random")                ? "Ticket against random masks"
                                                 : "Lottery ticket",
                  last, gnuplot_text(l.seeds),
                  gnuplot_text(l.command), last / 1.15);
  plot(figures, "density", data,
       script + panel(fmt::format("iterations to {:g}% validation accuracy", l.target).c_str(), to_target, "[0:*]", 0) +
           panel("early-stop iteration (hollow: cut off by the end)", early_stop,
                 fmt::format("[0:{}]", std::max<std::int64_t>(1, l.iterations * 23 / 20)), 2) +
           panel("test accuracy at early stop (%)", accuracy_at_early_stop, fmt::format("[{}:{}]", low, high), 3) + "unset multiplot\n",
       1500, 480);
}

}  // namespace

void Lottery::draw(const std::filesystem::path& figures) const {
  draw_accuracy(*this, figures);
  draw_density(*this, figures);
}

}  // namespace bonsai::experiments
