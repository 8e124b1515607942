// Error against the weights left, what each layer keeps, and which pixels are looked at, for gnuplot.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/initial_pruning.h"

namespace bonsai::experiments {
namespace {

std::string colour(const std::string& method) {
  static const std::map<std::string, std::string> colours{{"snip", "#1f5fbf"},   {"grasp", "#2f8f4e"},         {"synflow", "#d9651a"},
                                                          {"random", "#777777"}, {"magnitude", "#b3202c"},     {"magnitude-global", "#7a3fb0"},
                                                          {"taylor", "#8a6d1f"}, {"magnitude-std", "#1f9a9a"}, {"dense", "#222222"}};
  return colours.at(method);
}

std::string percent(double fraction) { return fmt::format("{:.4g}%", 100 * fraction); }

// "fc1" of "fc1.weight".
std::string layer_name(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

std::string source(const InitialPruning& p) { return p.seeds + "; " + p.command; }

// Labels at the right end of lines with the heights given, on a logarithmic axis from low to high.
std::string end_labels(std::vector<std::pair<double, std::string>> labels, double low, double high, double step) {
  for (auto& [y, words] : labels) y = std::log(y);
  std::sort(labels.begin(), labels.end());
  spread(labels, step * std::log(high / low), std::log(high));
  std::string out;
  for (auto& [y, words] : labels) out += fmt::format("set label {} at graph 1.02, first {:.6g} left\n", words, std::exp(y));
  return out;
}

// The finding: at the highest sparsity at which two methods or more could be trained, the best of them, the worst, and all weights.
std::string best_and_worst(const InitialPruning& p, double dense) {
  std::string finding = fmt::format("All the weights: an error of {:.2f}%", dense);
  for (std::size_t i = 0; i < p.sparsities.size(); ++i) {
    std::vector<std::pair<double, std::string>> errors;
    for (const std::string& m : p.methods)
      if (const double e = p.cell(m, static_cast<std::int64_t>(i) + 1).error; !std::isnan(e)) errors.emplace_back(e, m);
    if (errors.size() < 2) continue;
    const auto [best, worst] = std::minmax_element(errors.begin(), errors.end());
    finding = fmt::format("With {} of the weights, chosen before training: {} errs on {:.2f}%, {} on {:.2f}%; with all on {:.2f}%",
                          percent(1 - p.sparsities[i]), best->second, best->first, worst->second, worst->first, dense);
  }
  return finding;
}

// Error against density, both logarithmic: a line a method, the dense network's error across, the paper's crosses.
void draw_error(const InitialPruning& p, const std::filesystem::path& figures) {
  const double dense = p.cell("dense", 0).error;
  const auto levels = static_cast<std::int64_t>(p.sparsities.size());
  double low = dense, high = dense;
  auto reach = [&](double a, double b) { low = std::min(low, a), high = std::max(high, b); };
  std::string data, plots, tics;
  std::vector<std::pair<double, std::string>> labels{{dense, fmt::format("'dense, {:.2f}%' textcolor rgb '{}'", dense, colour("dense"))}};
  int index = 0;
  auto add = [&](const char* using_, const char* with, const std::string& method) {
    plots += fmt::format("data index {} using {} with {} linecolor rgb '{}' notitle, \\\n    ", index, using_, with, colour(method));
  };
  for (const std::string& m : p.methods) {
    std::string rows;
    double last = NAN;
    for (std::int64_t level = 1; level <= levels; ++level) {
      const InitialPruning::Cell c = p.cell(m, level);
      if (std::isnan(c.error)) continue;
      rows += fmt::format("{:.6g} {:.4f} {:.4f} {:.4f}\n", 100 * (1 - p.sparsities[level - 1]), c.error, c.low, c.high);
      last = c.error;
      reach(c.low, c.high);
    }
    if (rows.empty()) continue;
    data += "# " + m + ": density %, mean, smallest and largest test error %\n" + rows + "\n\n";
    add("1:2", "linespoints linewidth 2 pointtype 7 pointsize 0.8", m);
    if (p.trials > 1) add("1:2:3:4", "yerrorbars pointtype 0", m);
    ++index;
    std::string words = m;
    if (const Pruned* gone = p.collapse(m); gone && std::isnan(p.cell(m, levels).error))
      words += fmt::format(": {} is empty at {}", layer_name(gone->emptied), percent(1 - gone->sparsity));
    labels.emplace_back(last, fmt::format("'{}' textcolor rgb '{}'", words, colour(m)));
  }
  std::string crosses, key;
  for (auto& [m, said] : p.paper)
    for (auto& [sparsity, e] : said)
      if (sparsity > 0) crosses += fmt::format("{:.6g} {}\n", 100 * (1 - sparsity), e), reach(e, e);
  if (!crosses.empty()) {
    data += "# SNIP in the paper: density %, test error %\n" + crosses + "\n\n";
    add("1:2", "points pointtype 2 pointsize 1.4 linewidth 2", "snip");
    key = fmt::format("set label 'x  SNIP in the paper' at graph 0.02, graph 0.95 left textcolor rgb '{}'\n", colour("snip"));
  }
  for (double s : p.sparsities) tics += fmt::format("{}'{:.4g}%%' {:.6g}", tics.empty() ? "" : ", ", 100 * (1 - s), 100 * (1 - s));
  const std::string script = fmt::format(R"gp(set title "{}\n{{/*0.8 {}}}"
set logscale xy
set xlabel 'weights left'
set ylabel 'test error at the end of training (%)'
set xrange [{:.6g}:{:.6g}]
set yrange [{:.6g}:{:.6g}]
set xtics ({})
set ytics (1, 1.5, 2, 3, 5, 10, 20, 50, 100)
set rmargin 36
set grid linecolor rgb '#dddddd'
)gp",
                                         gnuplot_text(best_and_worst(p, dense)), gnuplot_text(source(p)), 110 * (1 - p.sparsities.front()),
                                         100 * (1 - p.sparsities.back()) / 1.03, low / 1.1, high * 1.15, tics);
  plot(figures, "error", data,
       script + key + end_labels(labels, low / 1.1, high * 1.15, 0.045) + "plot " + plots +
           fmt::format("{:.6g} with lines dashtype 2 linecolor rgb '{}' notitle\n", dense, colour("dense")),
       1100, 560);
}

// What collapses where, in words.
std::string collapses(const InitialPruning& p) {
  std::string gone, never;
  for (const std::string& m : p.methods) {
    const Pruned* c = p.collapse(m);
    if (c)
      gone += fmt::format("{}{} empties {} at {}", gone.empty() ? "" : ", ", m, layer_name(c->emptied), percent(c->sparsity));
    else
      never += (never.empty() ? "" : ", ") + m;
  }
  if (gone.empty()) return fmt::format("Up to {} sparsity no method empties a layer", percent(p.most()));
  return gone + (never.empty() ? "" : fmt::format("; {}: never, up to {}", never, percent(p.most())));
}

// A panel a layer: its density against the whole network's, both logarithmic; where a method collapses, a cross on the floor. And one for
// the share of the kept weights that lie on a path from an input to an output.
void draw_layers(const InitialPruning& p, const std::filesystem::path& figures) {
  std::vector<std::string> layers;
  double low = 1, least = 1;
  for (const Pruned& q : p.pruned) {
    least = std::min(least, 1 - q.sparsity);
    for (const Pruned::Layer& l : q.layers) {
      if (std::find(layers.begin(), layers.end(), l.name) == layers.end()) layers.push_back(l.name);
      low = std::min(low, static_cast<double>(l.kept) / static_cast<double>(l.size));
    }
  }
  const double none = 100 * low / 3;  // where the crosses stand
  std::string data, tics;
  std::vector<std::pair<double, std::string>> labels;
  for (const std::string& m : p.methods) {
    data += "# " + m + ": density %, each layer's density %, kept weights on a path from an input to an output %\n";
    double alive = NAN;
    for (const Pruned& q : p.pruned) {
      if (q.trial > 0 || q.method != m || !q.emptied.empty()) continue;
      data += fmt::format("{:.6g}", 100 * (1 - q.sparsity));
      for (const Pruned::Layer& l : q.layers)
        data += fmt::format(" {:.6g}", 100 * static_cast<double>(l.kept) / static_cast<double>(l.size));
      alive = 100 * static_cast<double>(q.alive()) / static_cast<double>(q.kept());
      data += fmt::format(" {:.6g}\n", alive);
    }
    data += "\n\n";
    if (!std::isnan(alive)) labels.emplace_back(alive, fmt::format("'{}' textcolor rgb '{}'", m, colour(m)));
  }
  for (double t = 100; t > 2.5 * none; t /= 10) tics += fmt::format("{:.6g}, ", t);
  std::string script = fmt::format(R"gp(set multiplot layout 1,{} margins 0.035,0.905,0.13,0.8 spacing 0.035 title "{}\n{{/*0.8 {}}}"
set logscale xy
set xlabel 'weights left in the whole network (%)'
set xrange [12:{:.6g}]
set yrange [{:.6g}:130]
set xtics (10, 5, 2, 1, 0.5, 0.2, 0.1)
set ytics ({}'none' {:.6g})
set grid linecolor rgb '#dddddd'
unset key
)gp",
                                   layers.size() + 1, gnuplot_text(collapses(p)), gnuplot_text(source(p)), 100 * least / 1.2,
                                   none / 1.3, tics, none);
  auto lines = [&](std::size_t column) {
    std::string plots;
    for (std::size_t i = 0; i < p.methods.size(); ++i)
      plots += fmt::format("data index {} using 1:{} with linespoints linewidth 2 pointtype 7 pointsize 0.7 linecolor rgb '{}', \\\n  ", i,
                           column, colour(p.methods[i]));
    return plots;
  };
  for (std::size_t k = 0; k < layers.size(); ++k) {
    script += fmt::format("unset label\nset title 'weights left in {} (%)'\n", layer_name(layers[k]));
    for (const std::string& m : p.methods)
      if (const Pruned* c = p.collapse(m); c && c->emptied == layers[k])
        script += fmt::format("set label '' at first {:.6g}, first {:.6g} point pointtype 2 pointsize 1.5 linewidth 2 linecolor rgb '{}'\n",
                              100 * (1 - c->sparsity), none, colour(m));
    script += "plot " + lines(2 + k) + "x with lines dashtype 3 linecolor rgb '#999999'\n";
  }
  std::sort(labels.begin(), labels.end());
  spread(labels, 6, 103);
  script += "unset label\nset title 'of them on a path from input to output (%)'\n";
  script += "unset logscale y\nset yrange [-3:105]\nset ytics 0,20\n";
  for (auto& [y, words] : labels) script += fmt::format("set label {} at graph 1.03, first {:.4f} left\n", words, y);
  plot(figures, "layers", data, script + "plot " + lines(2 + layers.size()) + "NaN\nunset multiplot\n", 1700, 480);
}

// For each pixel, how many of its weights in the first layer a method keeps: a picture a method, at the trained sparsity nearest to 98%.
// Returns whether there was anything to draw: a convolution's first layer sees every pixel alike.
bool draw_pixels(const InitialPruning& p, const std::filesystem::path& figures) {
  const auto nearest = std::min_element(p.sparsities.begin(), p.sparsities.end(),
                                        [](double a, double b) { return std::abs(a - 0.98) < std::abs(b - 0.98); });
  const std::int64_t level = nearest - p.sparsities.begin() + 1;
  std::string data, panels, finding;
  int index = 0;
  for (const std::string& m : p.methods)
    for (const Pruned& q : p.pruned) {
      if (q.trial > 0 || q.method != m || q.level != level || !q.emptied.empty() || q.masks[0].rank() != 2) continue;
      const Tensor counts = sum(cast(q.masks[0], DType::f64), {0});
      const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(counts.numel()))));
      std::int64_t seen = 0;
      double largest = 1;
      data += "# " + m + ": column, row, weights of the first layer that this pixel keeps\n";
      for (std::int64_t i = 0; i < counts.numel(); ++i) {
        data += fmt::format("{} {} {}\n", i % side, i / side, counts.at(i));
        seen += counts.at(i) > 0;
        largest = std::max(largest, counts.at(i));
      }
      data += "\n\n";
      finding += fmt::format("{}{} {}", index == 0 ? "" : ", ", m, seen);
      panels += fmt::format("set title '{}: {} pixels' textcolor rgb '{}'\nset xlabel 'brightest: {:.0f} weights'\nset cbrange [0:{}]\n"
                            "plot data index {} using 1:2:3 with image notitle\n",
                            m, seen, colour(m), largest, largest, index);
      ++index;
    }
  if (index == 0) return false;
  const std::string script = fmt::format(R"gp(set multiplot layout 1,{} title "Pixels that the first layer still sees with {} of the weights: {}\n{{/*0.8 {}}}"
set xrange [-0.5:27.5]
set yrange [27.5:-0.5]
set size ratio -1
unset xtics
unset ytics
unset colorbox
set lmargin 1
set rmargin 1
set palette defined (0 '#0d083c', 1 '#6e008c', 2 '#c83264', 3 '#f58c32', 4 '#fafa6e')
)gp",
                                         index, percent(1 - *nearest), finding, gnuplot_text(source(p)));
  plot(figures, "pixels", data, script + panels + "unset multiplot\n", 270 * std::max(index, 3), 380);
  return true;
}

}  // namespace

std::vector<Figure> InitialPruning::draw(const std::filesystem::path& figures) const {
  draw_error(*this, figures);
  draw_layers(*this, figures);
  const std::string from = fmt::format(" {}", source(*this));
  std::vector<Figure> all{
      {"error.svg", "Test error against the weights left, a line a method (crosses: SNIP in the paper)." + from},
      {"layers.svg", "How much of each layer a method keeps as the whole network gets sparser (dotted: the same share of every layer; a cross: "
                     "nothing is left of it), and how much of what is kept connects the input with the output." + from}};
  if (draw_pixels(*this, figures))
    all.push_back({"pixels.png", "How many first-layer weights each pixel of the input keeps (dark: none)." + from});
  return all;
}

}  // namespace bonsai::experiments
