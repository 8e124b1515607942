#include "experiments/common/lottery.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "core/safetensors.h"
#include "experiments/common/figures.h"
#include "experiments/common/report.h"

namespace bonsai::experiments {
namespace {

using nlohmann::ordered_json;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

ordered_json json(const Statistic& s) {
  return std::isnan(s.mean) ? ordered_json(nullptr) : ordered_json{{"mean", s.mean}, {"min", s.min}, {"max", s.max}};
}

}  // namespace

Statistic::Statistic(const std::vector<double>& v) : mean(nan), min(nan), max(nan) {
  if (v.empty()) return;
  mean = 0;
  for (double x : v) mean += x;
  mean /= static_cast<double>(v.size());
  auto [low, high] = std::minmax_element(v.begin(), v.end());
  min = *low;
  max = *high;
}

std::string legend(const std::string& arm) {
  return arm == "ticket"      ? "ticket"
         : arm == "continued" ? "trained on, never reset"
         : arm == "reinit"    ? "same mask, new weights"
         : arm == "random"    ? "random mask, same weights"
         : arm == "oneshot"   ? "pruned in one shot"
                              : arm;
}

std::vector<std::string> arms_of(const std::string& text, const std::vector<std::string>& known) {
  static const std::vector<std::string> order{"ticket", "continued", "reinit", "random", "oneshot"};
  std::vector<std::string> arms = words_in("--arms", text, known);
  require(std::ranges::find(arms, "ticket") != arms.end(), "--arms: the ticket must be among them, the others need its masks");
  std::ranges::sort(arms, {}, [](const std::string& arm) { return std::ranges::find(order, arm) - order.begin(); });
  return arms;
}

std::vector<TrainingId> plan(const std::vector<std::string>& arms, std::int64_t trials, std::int64_t rounds, std::int64_t repeats) {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial)
    for (const std::string& arm : arms)
      for (std::int64_t repeat = 0; repeat < (arm == "reinit" || arm == "random" ? repeats : 1); ++repeat)
        for (std::int64_t level = arm != "ticket"; level <= rounds; ++level) ids.push_back({trial, arm, repeat, level});
  return ids;
}

std::int64_t steps_of(const std::vector<TrainingId>& ids, std::int64_t iterations, std::int64_t rewind) {
  std::int64_t steps = 0;
  for (const TrainingId& id : ids) steps += iterations - (id.level > 0 && id.arm != "reinit" && id.arm != "continued" ? rewind : 0);
  return steps;
}

void Lottery::read(const RunFolder& folder, const std::vector<TrainingId>& ids) {
  for (const TrainingId& id : ids) {
    Rows rows = from_csv(id, folder.part(id.str()));
    runs.push_back({id, rows.density, std::move(rows.record)});
  }
}

Cell Lottery::cell(const std::string& arm, std::int64_t level) const {
  Cell c;
  std::vector<double> to_target, stop, at_stop, last;
  std::map<std::int64_t, std::vector<double>> curve;
  for (const Run& r : runs) {
    if (r.id.arm != arm || r.id.level != level) continue;
    c.density = r.density;
    const nn::Evaluation& best = nn::early_stop(r.record);
    stop.push_back(static_cast<double>(best.iteration));
    at_stop.push_back(best.test.accuracy);
    last.push_back(r.record.back().test.accuracy);
    for (const nn::Evaluation& e : r.record) curve[e.iteration].push_back(e.test.accuracy);
    for (const nn::Evaluation& e : r.record)
      if (e.validation.accuracy >= target) {
        to_target.push_back(static_cast<double>(e.iteration));
        break;
      }
  }
  c.iterations_to_target = Statistic(to_target);
  c.early_stop = Statistic(stop);
  c.accuracy_at_early_stop = Statistic(at_stop);
  c.accuracy_final = Statistic(last);
  for (auto& [iteration, values] : curve) c.curve.emplace_back(iteration, Statistic(values).mean);
  return c;
}

std::string Lottery::summary_json() const {
  const Cell dense = cell("ticket", 0);
  ordered_json levels = ordered_json::array();
  for (std::int64_t level = 0; level <= rounds; ++level) {
    ordered_json row{{"level", level}, {"density", nullptr}};
    std::map<std::string, Cell> cells;
    for (const std::string& arm : arms) {
      const Cell c = cells[arm] = cell(arm, level);
      if (c.empty()) continue;
      row["density"] = c.density;
      row[arm] = {{"early_stop_iteration", json(c.early_stop)},
                  {"test_accuracy_at_early_stop", json(c.accuracy_at_early_stop)},
                  {"test_accuracy_final", json(c.accuracy_final)},
                  {fmt::format("iterations_to_{:g}", target), json(c.iterations_to_target)}};
    }
    // What the paper says about this level, and the same quantities here.
    if (auto it = paper.find(level); it != paper.end()) {
      const PaperLevel& p = it->second;
      const Cell &ticket = cells["ticket"], &reinit = cells["reinit"], &random = cells["random"];
      ordered_json said = ordered_json::object();
      auto compare = [&](const char* what, const std::optional<double>& theirs, double ours) {
        if (theirs)
          said[what] = {{"paper", *theirs}, {"here", std::isnan(ours) ? ordered_json(nullptr) : ordered_json(ours)}};
      };
      compare("test_accuracy_final", p.test_accuracy_final, ticket.accuracy_final.mean);
      compare("early_stop_over_dense", p.early_stop_over_dense, ticket.early_stop.mean / dense.early_stop.mean);
      compare("reinit_early_stop_over_ticket", p.reinit_early_stop_over_ticket,
              reinit.empty() ? nan : reinit.early_stop.mean / ticket.early_stop.mean);
      compare("gain_over_dense", p.gain_over_dense,
              ticket.accuracy_at_early_stop.mean - dense.accuracy_at_early_stop.mean);
      compare("gain_over_reinit", p.gain_over_reinit,
              reinit.empty() ? nan : ticket.accuracy_at_early_stop.mean - reinit.accuracy_at_early_stop.mean);
      if (!random.empty())
        compare("final_gain_over_random", p.final_gain_over_random, ticket.accuracy_final.mean - random.accuracy_final.mean);
      if (!said.empty()) row["paper"] = said;
    }
    levels.push_back(row);
  }
  return ordered_json{{"command", command}, {"seeds", seeds}, {"levels", levels}}.dump(2) + "\n";
}

std::string Lottery::table() const {
  std::string out = fmt::format("{:>5} {:>8}", "level", "weights");
  for (const std::string& arm : arms) out += fmt::format(" | {:^31}", legend(arm));
  out += fmt::format("\n{:>5} {:>8}", "", "left");
  for (std::size_t i = 0; i < arms.size(); ++i)
    out += fmt::format(" | {:>10} {:>9} {:>10}", "early stop", "test acc.", "at the end");
  out += "\n";
  for (std::int64_t level = 0; level <= rounds; ++level) {
    std::string density, columns;
    for (const std::string& arm : arms) {
      const Cell c = cell(arm, level);
      if (!c.empty()) density = fmt::format("{:7.2f}%", 100 * c.density);
      columns += c.empty() ? fmt::format(" | {:31}", "")
                           : fmt::format(" | {:>10.0f} {:>8.2f}% {:>9.2f}%", c.early_stop.mean,
                                         c.accuracy_at_early_stop.mean, c.accuracy_final.mean);
    }
    while (!columns.empty() && columns.back() == ' ') columns.pop_back();
    out += fmt::format("{:>5} {:>8}{}\n", level, density, columns);
  }
  return out;
}

Tensor surviving_inputs(const Tensor& mask, std::int64_t height, std::int64_t width) {
  return reshape(sum(cast(mask, DType::f64), {0}), {height, width});
}

namespace {

// figures/pixels.png: the first trial's ticket at 51%, 21% and the last level. Returns the weights left,
// "51.3%, 21.1%"; empty if there is nothing to draw.
std::string draw_pixels(const Lottery& l, const RunFolder& folder, const FirstLayer& first) {
  std::vector<Tensor> pictures;
  std::string shown;
  for (std::int64_t level : std::set<std::int64_t>{3, 7, l.rounds}) {
    if (level > l.rounds || level == 0) continue;
    const SafeTensors file =
        load_safetensors(folder.file("checkpoints/" + TrainingId{0, "ticket", 0, level}.str() + ".safetensors"));
    pictures.push_back(surviving_inputs(file.at(first.parameter + ".mask"), first.height, first.width));
    shown += fmt::format("{}{:.1f}%", shown.empty() ? "" : ", ", 100 * l.cell("ticket", level).density);
  }
  if (!pictures.empty()) heat_maps(folder.file("figures/pixels.png"), pictures, 12);
  return shown;
}

}  // namespace

void show(const Lottery& l, const RunFolder& folder, const std::optional<FirstLayer>& first) {
  l.draw(folder.file("figures"));
  const std::string source = " " + l.seeds + "; " + l.command;
  std::vector<Figure> figures{
      {"accuracy.svg",
       "Test accuracy during training (solid: ticket; dashed: the same mask with new weights)." + source},
      {"density.svg", "How fast, when to stop, and how good, against the weights left." + source}};
  if (const std::string shown = first ? draw_pixels(l, folder, *first) : ""; !shown.empty())
    figures.push_back({"pixels.png", "How many first-layer weights each input pixel keeps in the ticket with " + shown +
                                         " of the weights left (dark: none)." + source});
  present(folder, {"The lottery ticket on " + l.dataset, figures, l.table(), l.summary_json()});
}

}  // namespace bonsai::experiments
