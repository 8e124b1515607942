#include "experiments/common/mode_lines.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <sstream>

#include "experiments/common/summary.h"
#include "nn/forms.h"
#include "prune/recovery/linear_path.h"
#include "prune/recovery/rewind.h"

namespace bonsai::experiments {

TrainingId Copies::id(std::int64_t order) const {
  return {trial, level == 0 ? fmt::format("k{}-{}", step, arm) : arm, order, level};
}

std::string Copies::title(std::int64_t order) const {
  return level == 0 ? fmt::format("dense, copied at step {}, order {}", step, order)
                    : fmt::format("{}, level {}, {:.2f}% of the weights, order {}", arm, level, 100 * density, order);
}

std::string to_csv(const Line& l) {
  std::string rows;
  const std::size_t n = l.errors.size();
  for (std::size_t i = 0; i < n; ++i)
    rows += fmt::format("{},{},{},{},{},{},{},{},{}\n", l.of.trial, l.of.arm, l.of.step, l.of.level, l.of.density, l.first, l.second,
                        static_cast<double>(i) / static_cast<double>(n - 1), l.errors[i]);
  return rows;
}

std::vector<Line> lines_from_csv(const Copies& of, std::int64_t copies, std::int64_t points, const std::string& rows) {
  std::vector<double> errors;  // the last cell of every row
  std::istringstream in(rows);
  for (std::string row; std::getline(in, row);) {
    const char* cell = row.data() + row.rfind(',') + 1;
    std::from_chars(cell, row.data() + row.size(), errors.emplace_back(-1));
  }
  std::vector<Line> lines;
  std::string again;
  auto next = errors.begin();
  for (std::int64_t a = 0; a < copies; ++a)
    for (std::int64_t b = a + 1; b < copies && errors.end() - next >= points; ++b, next += points) {
      lines.push_back({of, a, b, {next, next + points}});
      again += to_csv(lines.back());
    }
  require(static_cast<std::int64_t>(lines.size()) == copies * (copies - 1) / 2 && again == rows, "its rows are damaged");
  return lines;
}

namespace {
std::string file_of(const Copies& c) { return "parts/" + c.str() + "-lines.csv"; }
}  // namespace

Lines::Lines(RunFolder& folder, const Recipe& recipe, std::vector<Copies> all, std::int64_t copies, std::int64_t points, BatchSource batches,
             std::int64_t statistics)
    : folder_(folder), recipe_(recipe), all_(std::move(all)), copies_(copies), points_(points), batches_(std::move(batches)), statistics_(statistics) {
  for (const Copies& of : all_)
    if (folder.has(file_of(of))) read(of);
}

void Lines::measure(const Copies& of, const std::vector<std::vector<Tensor>>& ends, const std::vector<Tensor>& masks) const {
  if (folder_.has(file_of(of))) return;
  auto network = [&] {
    auto net = recipe_.network();
    prune::set_masks(net->parameters(), masks);
    nn::choose_forms(*net, recipe_.sparse_threshold);
    return net;
  };
  const BatchSource batches = batches_;  // (its own, for this thread)
  const auto settle = [&](nn::Module& net) {
    if (!net.buffers().empty()) nn::estimate_statistics(net, batches, statistics_);
  };
  const auto began = std::chrono::steady_clock::now();
  std::string rows;
  for (std::int64_t a = 0; a < copies_; ++a)
    for (std::int64_t b = a + 1; b < copies_; ++b)
      rows += to_csv({of, a, b,
                      prune::errors_along_line(ends.at(a), ends.at(b), network, recipe_.test.inputs, recipe_.test.labels,
                                               static_cast<int>(points_), settle)});
  folder_.write(file_of(of), rows);
  folder_.add_time("lines", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
}

std::vector<Line> Lines::read(Copies of) const {
  try {
    of.density = from_csv(of.id(0), folder_.part(of.str())).density;
    return lines_from_csv(of, copies_, points_, folder_.read(file_of(of)));
  } catch (const Error& e) {
    fail("{}: cannot be taken over ({}); start again in another folder with --out", folder_.file(file_of(of)).string(), e.what());
  }
}

std::vector<Line> Lines::collect() const {
  std::vector<Line> lines;
  std::string csv = line_header;
  for (const Copies& of : all_)
    for (Line& l : read(of)) {
      csv += to_csv(l);
      lines.push_back(std::move(l));
    }
  folder_.write("lines.csv", csv);
  return lines;
}

Connection ModeLines::at(const std::string& arm, std::int64_t step, std::int64_t level) const {
  Connection c;
  std::vector<double> instability, ends, sup;
  for (const Line& l : lines) {
    if (l.of.arm != arm || l.of.step != step || l.of.level != level) continue;
    c.density = l.of.density;
    instability.push_back(prune::instability(l.errors));
    ends.push_back((l.errors.front() + l.errors.back()) / 2);
    sup.push_back(*std::max_element(l.errors.begin(), l.errors.end()));
    c.curve.resize(l.errors.size());
    for (std::size_t i = 0; i < c.curve.size(); ++i) c.curve[i] += l.errors[i];
  }
  for (double& e : c.curve) e /= static_cast<double>(sup.size());
  c.instability = Statistic(instability);
  c.error_ends = Statistic(ends);
  c.error_sup = Statistic(sup);
  return c;
}

std::string ModeLines::finding() const {
  const Connection first = at("dense", steps.front(), 0), ticket = pruned("ticket", levels.empty() ? 0 : levels.back());
  std::string out = fmt::format("{} copied at step {} is {} (instability {:.2f} points)", network, steps.front(),
                                first.instability.mean < prune::stable_below ? "stable" : "not stable", first.instability.mean);
  if (!levels.empty())
    out += fmt::format("; with {:.1f}% of the weights: ticket {:.2f}, new weights {:.2f}, random mask {:.2f}", 100 * ticket.density,
                       ticket.instability.mean, pruned("reinit", levels.back()).instability.mean, pruned("random", levels.back()).instability.mean);
  return out;
}

std::string ModeLines::summary_json() const {
  Summary s;
  s.put({"command"}, command);
  s.put({"seeds"}, seeds);
  s.put({"paper", "stable_below"}, prune::stable_below);
  if (!paper_name.empty()) s.put({"paper", "dense_" + paper_name + "_is_stable_from_step"}, paper_stable_from);
  auto put = [&](Summary::Path path, const Connection& c) {
    const std::pair<const char*, const Statistic*> all[] = {{"instability", &c.instability}, {"error_ends", &c.error_ends}, {"error_sup", &c.error_sup}};
    for (auto [name, value] : all) {
      path.push_back(name);
      s.put(path, value->mean);
      path.pop_back();
    }
    path.push_back("instability_min");
    s.put(path, c.instability.min);
    path.back() = "instability_max";
    s.put(path, c.instability.max);
  };
  for (std::int64_t k : steps) put({"dense", fmt::format("{}", k)}, at("dense", k, 0));
  s.put({"rewind"}, rewind);
  for (std::int64_t level : levels)
    for (const char* arm : {"ticket", "reinit", "random"}) {
      const Connection c = pruned(arm, level);
      put({"tickets", fmt::format("{:.4f}", c.density), arm}, c);
    }
  return s.json();
}

std::string ModeLines::table() const {
  auto columns = [](const Connection& c) { return fmt::format(" | {:>11.2f} {:>9.2f}% {:>9.2f}%", c.instability.mean, c.error_ends.mean, c.error_sup.mean); };
  const std::string names = fmt::format(" | {:>11} {:>10} {:>10}", "instability", "at the ends", "highest");
  std::string out = fmt::format("The dense network, copied at step k\n{:>8}{}\n", "k", names);
  for (std::int64_t k : steps) out += fmt::format("{:>8}{}\n", k, columns(at("dense", k, 0)));
  if (levels.empty()) return out;
  out += fmt::format("\nPruned, rewound to step {}\n{:>8}", rewind, "weights");
  for (const char* arm : {"ticket", "reinit", "random"}) out += fmt::format(" | {:^33}", legend(arm));
  while (out.back() == ' ') out.pop_back();
  out += fmt::format("\n{:>8}{}{}{}\n", "left", names, names, names);
  for (std::int64_t level : levels) {
    out += fmt::format("{:7.2f}%", 100 * pruned("ticket", level).density);
    for (const char* arm : {"ticket", "reinit", "random"}) out += columns(pruned(arm, level));
    out += "\n";
  }
  return out;
}

}  // namespace bonsai::experiments
