#include "experiments/common/initial_pruning.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"

namespace bonsai::experiments {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double error_of(const nn::Evaluation& e) { return std::round((100 - e.test.accuracy) * 1e6) / 1e6; }  // without the subtraction's dust

std::string percent(double fraction) { return fmt::format("{:.4g}%", 100 * fraction); }

}  // namespace

std::int64_t Pruned::size() const {
  std::int64_t n = 0;
  for (const Layer& l : layers) n += l.size;
  return n;
}
std::int64_t Pruned::kept() const {
  std::int64_t n = 0;
  for (const Layer& l : layers) n += l.kept;
  return n;
}
std::int64_t Pruned::alive() const {
  std::int64_t n = 0;
  for (const Layer& l : layers) n += l.alive;
  return n;
}

std::vector<TrainingId> InitialPruning::plan() const {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    ids.push_back({trial, "dense", 0, 0});
    for (const Pruned& p : pruned)
      if (p.trial == trial && p.level > 0 && p.emptied.empty()) ids.push_back(p.id());
  }
  return ids;
}

void InitialPruning::read(const RunFolder& folder) {
  for (const TrainingId& id : plan()) records[id.str()] = from_csv(id, folder.part(id.str())).record;
}

InitialPruning::Cell InitialPruning::cell(const std::string& method, std::int64_t level) const {
  Cell c{nan, nan, nan, nan, 0, "", nullptr};
  std::vector<double> last, best;
  auto count = [&](const TrainingId& id) {
    std::vector<double> errors;
    for (const nn::Evaluation& e : records.at(id.str())) errors.push_back(error_of(e));
    last.push_back(errors.back());
    best.push_back(*std::min_element(errors.begin(), errors.end()));
  };
  for (std::int64_t trial = 0; method == "dense" && trial < trials; ++trial) count({trial, "dense", 0, 0});
  for (const Pruned& p : pruned) {
    if (p.method != method || p.level != level || level == 0) continue;
    if (!p.emptied.empty()) {
      if (c.collapsed++ == 0) c.emptied = p.emptied;
      continue;
    }
    if (!c.first) c.first = &p;
    count(p.id());
  }
  if (last.empty()) return c;
  c.error = mean(last);
  c.best = mean(best);
  const auto [low, high] = std::minmax_element(last.begin(), last.end());
  c.low = *low;
  c.high = *high;
  return c;
}

const Pruned* InitialPruning::collapse(const std::string& method) const {
  const Pruned* lowest = nullptr;
  for (const Pruned& p : pruned)
    if (p.trial == 0 && p.method == method && !p.emptied.empty() && (!lowest || p.sparsity < lowest->sparsity)) lowest = &p;
  return lowest;
}

double InitialPruning::most() const {
  double most = 0;
  for (const Pruned& p : pruned) most = std::max(most, p.sparsity);
  return most;
}

std::string InitialPruning::summary_json() const {
  Summary s;
  s.put({"command"}, command);
  s.put({"seeds"}, seeds);
  auto put = [&](std::vector<std::string> at, const std::string& method, std::int64_t level, double sparsity) {
    const Cell c = cell(method, level);
    auto number = [&](const char* name, auto value) {
      at.emplace_back(name);
      s.put(at, value);
      at.pop_back();
    };
    number("error", c.error);
    if (auto m = paper.find(method); m != paper.end())
      if (auto p = m->second.find(sparsity); p != m->second.end()) number("paper_error", p->second);
    number("error_min", c.low);
    number("error_max", c.high);
    number("error_of_best_evaluation", c.best);
    if (level == 0) return;
    if (c.first) {
      number("kept", c.first->kept());
      number("alive", c.first->alive());
    }
    number("collapsed_trials", c.collapsed);
    if (c.collapsed > 0) number("collapsed", "collapsed: " + c.emptied);
  };
  put({"nets", net, "dense"}, "dense", 0, 0);
  for (const std::string& m : methods) {
    for (std::size_t i = 0; i < sparsities.size(); ++i)
      put({"nets", net, m, fmt::format("{}", sparsities[i])}, m, static_cast<std::int64_t>(i) + 1, sparsities[i]);
    const Pruned* p = collapse(m);
    s.put({"nets", net, m, "first_collapse", "sparsity"}, p ? p->sparsity : nan);
    s.put({"nets", net, m, "first_collapse", "layer"}, p ? p->emptied : "none up to " + percent(most()));
  }
  return s.json();
}

std::string InitialPruning::table() const {
  auto line = [&](const std::string& name, const std::string& dense, auto cell_text) {
    std::string l = fmt::format("{:<18} {:>6}", name, dense);
    for (std::size_t i = 0; i < sparsities.size(); ++i) l += fmt::format(" {:>22}", cell_text(i));
    return l.substr(0, l.find_last_not_of(' ') + 1) + "\n";
  };
  std::string out = "test error at the end of training, in %, by sparsity\n" +
                    line("", "dense", [&](std::size_t i) { return percent(sparsities[i]); });
  auto said = [&](const std::string& method, double sparsity) {
    const auto m = paper.find(method);
    return m == paper.end() || !m->second.contains(sparsity) ? std::string() : fmt::format("{:.1f}", m->second.at(sparsity));
  };
  const auto nothing = [](std::size_t) { return ""; };
  out += line("dense", fmt::format("{:.2f}", cell("dense", 0).error), nothing);
  if (paper.contains("dense")) out += line("  in the paper", said("dense", 0), nothing);
  for (const std::string& m : methods) {
    out += line(m, "", [&](std::size_t i) {
      const Cell c = cell(m, static_cast<std::int64_t>(i) + 1);
      if (!c.first) return "collapsed: " + c.emptied;
      return fmt::format("{:.2f}", c.error) + (c.collapsed > 0 ? fmt::format(" ({} of {} gone)", c.collapsed, trials) : "");
    });
    if (paper.contains(m)) out += line("  in the paper", "", [&](std::size_t i) { return said(m, sparsities[i]); });
  }
  out += fmt::format("\na layer loses all its weights, of sparsities up to {}:\n", percent(most()));
  for (const std::string& m : methods) {
    const Pruned* p = collapse(m);
    out += fmt::format("{:<18} {}\n", m, p ? fmt::format("at {}: {}", percent(p->sparsity), p->emptied) : "never");
  }
  return out;
}

std::string InitialPruning::layers_csv() const {
  std::string rows = "trial,method,sparsity,layer,size,kept,alive\n";
  for (const Pruned& p : pruned) {
    for (const Pruned::Layer& l : p.layers)
      rows += fmt::format("{},{},{},{},{},{},{}\n", p.trial, p.method, p.sparsity, l.name, l.size, l.kept, l.alive);
    if (!p.emptied.empty()) rows += fmt::format("{},{},{},collapsed: {},,0,0\n", p.trial, p.method, p.sparsity, p.emptied);
  }
  return rows;
}

void show(const InitialPruning& p, const RunFolder& folder) {
  folder.write("layers.csv", p.layers_csv());
  present(folder, {"Pruning before training: " + p.net + " on " + p.dataset, p.draw(folder.file("figures")), p.table(), p.summary_json()});
}

}  // namespace bonsai::experiments
