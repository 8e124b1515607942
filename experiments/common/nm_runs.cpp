#include "experiments/common/nm_runs.h"

#include <algorithm>
#include <cmath>

#include "experiments/common/figures.h"
#include "experiments/common/report.h"
#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"

namespace bonsai::experiments {

const std::vector<NmArm>& nm_arms() {
  static const std::vector<NmArm> all{{"in-place", "channels as they are", "#d9651a", true},
                                      {"permuted", "channels permuted", "#1f5fbf", true},
                                      {"sr-ste", "SR-STE", "#2a9048", false},
                                      {"sr-ste-new", "SR-STE, new weights", "#7a3fb0", false},
                                      {"anywhere", "zeros anywhere", "#888888", true}};
  return all;
}
const NmArm& nm_arm(const std::string& name) { return *std::ranges::find(nm_arms(), name, &NmArm::name); }

std::vector<TrainingId> NmRuns::plan() const {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    ids.push_back({trial, "dense", 0, 0});
    for (const std::string& arm : arms)
      for (std::size_t level = 1; level <= patterns.size(); ++level) ids.push_back({trial, arm, 0, static_cast<std::int64_t>(level)});
  }
  return ids;
}

void NmRuns::read(const RunFolder& folder) {
  for (const TrainingId& id : plan()) {
    const auto record = from_csv(id, folder.part(id.str())).record;
    accuracies[{id.arm, id.level}].push_back({record.front().test.accuracy, record.back().test.accuracy});
  }
}

NmRuns::Accuracy NmRuns::accuracy(const std::string& arm, std::int64_t level) const {
  std::vector<double> before, after;
  for (const Accuracy& a : accuracies.at({arm, level})) before.push_back(a.before), after.push_back(a.after);
  return {mean(before), mean(after)};
}

std::string NmRuns::finding() const {
  const auto at = std::ranges::find(patterns, prune::NM{2, 4});
  const std::int64_t level = at == patterns.end() ? 1 : at - patterns.begin() + 1;
  const std::string& arm = arms.front();
  const Accuracy a = accuracy(arm, level);
  return nm_arm(arm).pruned_first ? fmt::format("Pruned to {} {} has {:.2f}% right, and {:.2f}% after training on; with all weights {:.2f}%", patterns[level - 1].str(), net, a.before, a.after,
                                                accuracy("dense", 0).before)
                                  : fmt::format("Trained to {} {} has {:.2f}% right; with all weights {:.2f}%", patterns[level - 1].str(), net, a.after, accuracy("dense", 0).before);
}

std::string NmRuns::table() const {
  const Accuracy dense = accuracy("dense", 0);
  std::string out = fmt::format("Test accuracy of {} on {} in percent, as pruned and after {} steps of training on; with all weights {:.2f} and {:.2f}\n\n{:<22}", net, dataset, iterations, dense.before,
                                dense.after, "");
  for (const prune::NM& p : patterns) out += fmt::format(" {:>16}", p.str());
  for (const std::string& arm : arms) {
    out += fmt::format("\n{:<22}", nm_arm(arm).words);
    for (std::size_t l = 1; l <= patterns.size(); ++l) {
      const Accuracy a = accuracy(arm, static_cast<std::int64_t>(l));
      out += fmt::format(" {:>16}", nm_arm(arm).pruned_first ? fmt::format("{:.2f} -> {:.2f}", a.before, a.after) : fmt::format("{:.2f}", a.after));
    }
  }
  out += "\n\nΣ|w| that the masks leave of the weights that take the pattern, in percent\n";
  for (const std::string& arm : arms) {
    if (!nm_arm(arm).pruned_first) continue;
    out += fmt::format("{:<22}", nm_arm(arm).words);
    for (std::size_t l = 1; l <= patterns.size(); ++l) out += fmt::format(" {:>16.2f}", 100 * kept.at({arm, static_cast<std::int64_t>(l)}));
    out += "\n";
  }
  for (const std::string& line : left_dense) out += line + "\n";
  return out;
}

std::string NmRuns::summary_json() const {
  Summary s;
  s.put({"net"}, net);
  s.put({"dense", "accuracy"}, accuracy("dense", 0).before);
  s.put({"dense", "accuracy_trained_on"}, accuracy("dense", 0).after);
  for (std::size_t l = 1; l <= patterns.size(); ++l)
    for (const std::string& arm : arms) {
      const auto level = static_cast<std::int64_t>(l);
      const Accuracy a = accuracy(arm, level);
      const std::string p = patterns[l - 1].str();
      if (nm_arm(arm).pruned_first) s.put({"patterns", p, arm, "accuracy_pruned"}, a.before), s.put({"patterns", p, arm, "magnitude_kept"}, kept.at({arm, level}));
      s.put({"patterns", p, arm, "accuracy_trained_on"}, a.after);
    }
  return s.json();
}

void NmRuns::draw(const std::filesystem::path& figures) const {
  std::string data, panels;
  std::size_t index = 0;
  const double count = static_cast<double>(patterns.size());
  std::string names;
  for (std::size_t l = 0; l < patterns.size(); ++l) names += fmt::format("{}'{}' {}", l ? ", " : "", patterns[l].str(), l + 1);
  for (const bool after : {false, true}) {
    const double whole = after ? accuracy("dense", 0).after : accuracy("dense", 0).before;
    double low = whole, high = whole;
    std::string plots = fmt::format("plot {} with lines dashtype 2 linewidth 1.5 linecolor rgb '#222222' notitle", whole);
    std::vector<std::pair<double, std::string>> ends{{whole, "all weights"}};
    std::map<std::string, std::string> colours{{"all weights", "#222222"}};
    for (const std::string& arm : arms) {
      const NmArm& look = nm_arm(arm);
      if (!after && !look.pruned_first) continue;
      data += fmt::format("# {}, {}: number of the pattern, test accuracy in percent\n", look.words, after ? "trained on" : "as pruned");
      double y = 0;
      for (std::size_t l = 1; l <= patterns.size(); ++l) {
        const Accuracy a = accuracy(arm, static_cast<std::int64_t>(l));
        y = after ? a.after : a.before;
        data += fmt::format("{} {:.4f}\n", l, y);
        low = std::min(low, y), high = std::max(high, y);
      }
      data += "\n\n";
      ends.emplace_back(y, look.words);
      colours[look.words] = look.colour;
      plots += fmt::format(", \\\n  data index {} using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.8 linecolor rgb '{}' notitle", index++, look.colour);
    }
    const double margin = std::max(0.05, 0.06 * (high - low));
    low -= margin, high += margin;
    std::ranges::stable_sort(ends, {}, &std::pair<double, std::string>::first);
    spread(ends, (high - low) / 17, high, low);
    panels += "unset label\n";
    for (const auto& [y, name] : ends) panels += fmt::format("set label '{}' at graph 1.02, first {:.4f} left textcolor rgb '{}'\n", name, y, colours.at(name));
    panels += fmt::format("set title '{}'\nset yrange [{:.4f}:{:.4f}]\n{}\n", after ? fmt::format("after {} steps of training on", iterations) : "as pruned", low, high, plots);
  }
  plot(figures, "accuracy", data,
       fmt::format("set multiplot layout 1,2 title \"{}\"\nset grid linecolor rgb '#dddddd'\nset lmargin 10\nset rmargin 20\nset bmargin 4\nset xlabel 'kept : of how many'\n"
                   "set ylabel 'test accuracy (%)'\nset xrange [0.8:{:g}]\nset xtics ({})\n{}unset multiplot\n",
                   gnuplot_text(fmt::format("{}\\n{{/*0.8 {}; {}}}", finding(), seeds, command)), count + 0.2, names, panels),
       1350, 520);
}

void NmRuns::show(const RunFolder& folder) const {
  draw(folder.file("figures"));
  present(folder, {"N:M sparsity of " + net, {{"accuracy.svg", finding() + ". Test accuracy by pattern, as pruned and after training on. " + seeds + "; " + command}}, table(), summary_json()});
}

}  // namespace bonsai::experiments
