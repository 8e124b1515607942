#include "experiments/common/lottery.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "experiments/common/figures.h"

namespace bonsai::experiments {
namespace {

using nlohmann::ordered_json;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Statistic {
  double mean = nan, min = nan, max = nan;
  explicit Statistic(const std::vector<double>& v) {
    if (v.empty()) return;
    mean = 0;
    for (double x : v) mean += x;
    mean /= static_cast<double>(v.size());
    auto [low, high] = std::minmax_element(v.begin(), v.end());
    min = *low;
    max = *high;
  }
  ordered_json json() const { return std::isnan(mean) ? ordered_json(nullptr) : ordered_json{{"mean", mean}, {"min", min}, {"max", max}}; }
};

// One arm at one level, over trials and repeats. iterations_to_97 is over the runs that got there.
struct Cell {
  double density = nan;
  Statistic iterations_to_97{{}}, early_stop{{}}, accuracy_at_early_stop{{}}, accuracy_final{{}};
  std::vector<std::pair<std::int64_t, double>> curve;  // iteration, mean test accuracy
  bool empty() const { return std::isnan(density); }
};

Cell cell(const Lottery& l, const std::string& arm, std::int64_t level) {
  Cell c;
  std::vector<double> to_97, stop, at_stop, last;
  std::map<std::int64_t, std::vector<double>> curve;
  for (const Lottery::Run& r : l.runs) {
    if (r.id.arm != arm || r.id.level != level) continue;
    c.density = r.density;
    const nn::Evaluation& best = nn::early_stop(r.record);
    stop.push_back(static_cast<double>(best.iteration));
    at_stop.push_back(best.test.accuracy);
    last.push_back(r.record.back().test.accuracy);
    for (const nn::Evaluation& e : r.record) curve[e.iteration].push_back(e.test.accuracy);
    for (const nn::Evaluation& e : r.record)
      if (e.validation.accuracy >= 97) {
        to_97.push_back(static_cast<double>(e.iteration));
        break;
      }
  }
  c.iterations_to_97 = Statistic(to_97);
  c.early_stop = Statistic(stop);
  c.accuracy_at_early_stop = Statistic(at_stop);
  c.accuracy_final = Statistic(last);
  for (auto& [iteration, values] : curve) c.curve.emplace_back(iteration, Statistic(values).mean);
  return c;
}

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

std::string legend(const std::string& arm) {
  return arm == "ticket" ? "ticket" : arm == "reinit" ? "same mask, new weights" : arm == "oneshot" ? "pruned in one shot" : arm;
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

}  // namespace

std::string Lottery::summary_json() const {
  const Cell dense = cell(*this, "ticket", 0);
  ordered_json levels = ordered_json::array();
  for (std::int64_t level = 0; level <= rounds; ++level) {
    ordered_json row{{"level", level}, {"density", nullptr}};
    std::map<std::string, Cell> cells;
    for (const std::string& arm : arms) {
      const Cell c = cells[arm] = cell(*this, arm, level);
      if (c.empty()) continue;
      row["density"] = c.density;
      row[arm] = {{"early_stop_iteration", c.early_stop.json()},
                  {"test_accuracy_at_early_stop", c.accuracy_at_early_stop.json()},
                  {"test_accuracy_final", c.accuracy_final.json()},
                  {"iterations_to_97", c.iterations_to_97.json()}};
    }
    // What the paper says about this level, and the same quantities here.
    if (auto it = paper.find(level); it != paper.end()) {
      const PaperLevel& p = it->second;
      const Cell &ticket = cells["ticket"], &reinit = cells["reinit"];
      ordered_json said;
      auto compare = [&](const char* what, const std::optional<double>& theirs, double ours) {
        if (theirs) said[what] = {{"paper", *theirs}, {"here", std::isnan(ours) ? ordered_json(nullptr) : ordered_json(ours)}};
      };
      compare("test_accuracy_final", p.test_accuracy_final, ticket.accuracy_final.mean);
      compare("early_stop_over_dense", p.early_stop_over_dense, ticket.early_stop.mean / dense.early_stop.mean);
      compare("reinit_early_stop_over_ticket", p.reinit_early_stop_over_ticket, reinit.empty() ? nan : reinit.early_stop.mean / ticket.early_stop.mean);
      compare("gain_over_dense", p.gain_over_dense, ticket.accuracy_at_early_stop.mean - dense.accuracy_at_early_stop.mean);
      compare("gain_over_reinit", p.gain_over_reinit, reinit.empty() ? nan : ticket.accuracy_at_early_stop.mean - reinit.accuracy_at_early_stop.mean);
      row["paper"] = said;
    }
    levels.push_back(row);
  }
  return ordered_json{{"command", command}, {"seeds", seeds}, {"levels", levels}}.dump(2) + "\n";
}

std::string Lottery::table() const {
  std::string out = fmt::format("{:>5} {:>8}", "level", "weights");
  for (const std::string& arm : arms) out += fmt::format(" | {:^31}", legend(arm));
  out += fmt::format("\n{:>5} {:>8}", "", "left");
  for (std::size_t i = 0; i < arms.size(); ++i) out += fmt::format(" | {:>10} {:>9} {:>10}", "early stop", "test acc.", "at the end");
  out += "\n";
  for (std::int64_t level = 0; level <= rounds; ++level) {
    std::string density, columns;
    for (const std::string& arm : arms) {
      const Cell c = cell(*this, arm, level);
      if (!c.empty()) density = fmt::format("{:7.2f}%", 100 * c.density);
      columns += c.empty() ? fmt::format(" | {:31}", "")
                           : fmt::format(" | {:>10.0f} {:>8.2f}% {:>9.2f}%", c.early_stop.mean, c.accuracy_at_early_stop.mean, c.accuracy_final.mean);
    }
    while (!columns.empty() && columns.back() == ' ') columns.pop_back();
    out += fmt::format("{:>5} {:>8}{}\n", level, density, columns);
  }
  return out;
}

void Lottery::draw(const std::filesystem::path& figures) const {
  static const std::map<std::string, std::string> colours{{"ticket", "#1f5fbf"}, {"reinit", "#d9651a"}, {"oneshot", "#2f8f4e"}};
  const bool bars = std::any_of(runs.begin(), runs.end(), [](const Run& r) { return r.id.trial > 0 || r.id.repeat > 0; });
  const std::int64_t last = rounds;
  const Cell end_ticket = cell(*this, "ticket", last), end_reinit = cell(*this, "reinit", last), dense = cell(*this, "ticket", 0);

  // Test accuracy against iteration (the paper's figure 3).
  {
    const std::vector<const char*> shades{"#222222", "#1f5fbf", "#2f8f4e", "#d9651a", "#b3202c", "#7a3fb0"};
    std::string data, plots, labels;
    double low = 100, high = 0;
    int index = 0;
    std::vector<std::pair<double, std::string>> ends;
    const std::vector<std::int64_t> levels = levels_to_draw(*this);
    for (std::size_t k = 0; k < levels.size(); ++k)
      for (const std::string& arm : {std::string("ticket"), std::string("reinit")}) {
        const Cell c = cell(*this, arm, levels[k]);
        if (c.empty()) continue;
        data += fmt::format("# {} level {}: iteration, mean test accuracy\n", arm, levels[k]);
        for (auto [iteration, accuracy] : c.curve) {
          data += fmt::format("{} {:.4f}\n", iteration, accuracy);
          if (iteration >= iterations / 8) low = std::min(low, accuracy);
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
                     plain(finding), plain(seeds), plain(command), iterations, low, high, labels, plots),
         1000, 560);
  }

  // Against density (figure 4): how fast, when to stop, how good.
  {
    std::string data, crosses;
    for (const std::string& arm : arms) {
      data += fmt::format("# {}: density %, then mean min max of iterations to 97%, early stop, accuracy there, final accuracy; 1 if early stop was cut off\n", arm);
      for (std::int64_t level = 0; level <= rounds; ++level) {
        const Cell c = cell(*this, arm, level);
        if (c.empty()) continue;
        data += number(100 * c.density, 4);
        for (const Statistic* s : {&c.iterations_to_97, &c.early_stop, &c.accuracy_at_early_stop, &c.accuracy_final})
          data += fmt::format(" {} {} {}", number(s->mean, 4), number(s->min, 4), number(s->max, 4));
        data += fmt::format(" {}\n", c.early_stop.mean > 0.95 * static_cast<double>(iterations) ? 1 : 0);
      }
      data += "\n\n";
    }
    data += "# the paper, relative to our dense network: density %, early-stop iteration, accuracy at early stop\n";
    for (auto& [level, p] : paper) {
      const Cell c = cell(*this, "ticket", level);
      if (c.empty() || level == 0) continue;
      data += fmt::format("{:.4f} {} {}\n", 100 * c.density, number(p.early_stop_over_dense ? *p.early_stop_over_dense * dense.early_stop.mean : nan, 2),
                          number(p.gain_over_dense ? dense.accuracy_at_early_stop.mean + *p.gain_over_dense : nan, 4));
    }
    const int paper_index = static_cast<int>(arms.size());
    // One panel: a line an arm, crosses for the paper. The last panel names the arms at their lines' ends.
    auto panel = [&](const char* title, int column, int paper_column, bool hollow, const std::string& range, bool names) {
      std::string p = fmt::format("unset label\nset title '{}'\nset yrange {}\nset rmargin {}\n", title, range, names ? 15 : 2), plots = "plot ";
      if (paper_column && !names) p += "set label 'x  the paper, relative to our dense network' at graph 0.03, graph 0.06 left font ',9'\n";
      for (std::size_t a = 0; a < arms.size(); ++a) {
        const std::string colour = colours.contains(arms[a]) ? colours.at(arms[a]) : "#555555", style = fmt::format("linecolor rgb '{}'", colour);
        if (const Cell c = cell(*this, arms[a], rounds); names && !c.empty())
          p += fmt::format("set label \"{}\" at graph 1.03, first {:.4f} left textcolor rgb '{}'\n", arms[a] == "reinit" ? "same mask,\\nnew weights" : legend(arms[a]),
                           c.accuracy_at_early_stop.mean, colour);
        plots += fmt::format("data index {} using 1:{} with lines linewidth 2 {} notitle, \\\n  ", a, column, style);
        if (bars) plots += fmt::format("data index {} using 1:{}:{}:{} with yerrorbars pointtype 0 {} notitle, \\\n  ", a, column, column + 1, column + 2, style);
        plots += fmt::format("data index {} using 1:({}${}) with points pointtype 7 pointsize 0.8 {} notitle, \\\n  ", a, hollow ? "$14 > 0 ? NaN : " : "", column, style);
        if (hollow) plots += fmt::format("data index {} using 1:($14 > 0 ? ${} : NaN) with points pointtype 6 pointsize 1.1 linewidth 1.5 {} notitle, \\\n  ", a, column, style);
      }
      plots += paper_column ? fmt::format("data index {} using 1:{} with points pointtype 2 pointsize 1.3 linewidth 2 linecolor rgb '#000000' notitle\n", paper_index, paper_column)
                            : "NaN notitle\n";
      return p + plots;
    };
    const double left = 110, right = 100 * end_ticket.density / 1.15;
    plot(figures, "density", data,
         fmt::format("set multiplot layout 1,3 title \"Ticket against the same mask with new weights, from 100% to {:.1f}% of the weights ({}; {})\"\n"
                     "set logscale x\nset xrange [{}:{}]\nset xtics (100, 51.3, 21.1, 7.0, 3.6, 1.9, 1.2)\nset xlabel 'weights left (%)'\nset grid linecolor rgb '#dddddd'\nunset key\n",
                     100 * end_ticket.density, plain(seeds), plain(command), left, right) +
             panel("iterations to 97% validation accuracy", 2, 0, false, "[0:*]", false) +
             panel("early-stop iteration (hollow: cut off by the end)", 5, 2, true, fmt::format("[0:{}]", iterations * 23 / 20), false) +
             panel("test accuracy at early stop (%)", 8, 3, false, "[*:*]", true) + "unset multiplot\n",
         1500, 480);
  }
}

Tensor surviving_inputs(const Tensor& mask, std::int64_t height, std::int64_t width) {
  return reshape(sum(cast(mask, DType::f64), {0}), {height, width});
}

}  // namespace bonsai::experiments
