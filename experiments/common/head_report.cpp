#include "experiments/common/head_report.h"

#include <algorithm>
#include <cmath>

#include "experiments/common/parts.h"
#include "experiments/common/planted_heads.h"
#include "experiments/common/report.h"
#include "experiments/common/summary.h"

namespace bonsai::experiments {
namespace {

// Adds the rows of one removal from first to last, begin .. end - 1, to a curve that is the mean of `of` such.
void add(HeadRuns::Curve& curve, const std::vector<Cells>& rows, std::size_t begin, std::size_t end, std::int64_t of) {
  const bool first = curve.left.empty();
  for (std::size_t i = begin; i < end; ++i) {
    if (first) {
      curve.left.push_back(static_cast<std::int64_t>(to_number(rows[i][4])));
      curve.parameters.push_back(static_cast<std::int64_t>(to_number(rows[i][9])));
      curve.accuracies.push_back(0);
      if (i > begin) curve.gone.emplace_back(static_cast<int>(to_number(rows[i][5])), static_cast<int>(to_number(rows[i][6])));
    }
    curve.accuracies[i - begin] += to_number(rows[i][8]) / static_cast<double>(of);
  }
}

std::vector<Cells> checked(const RunFolder& folder, const std::string& id, std::size_t count, const std::string& task, const std::string& criterion) {
  const std::vector<Cells> rows = cells(folder, head_pruning_header, id);
  const bool good = rows.size() == count && std::ranges::all_of(rows, [&](const Cells& c) { return c[0] == task && c[2] == criterion; });
  require(good, "{}: is not of this run; start again in another folder with --out", folder.file("parts/" + id + ".csv").string());
  return rows;
}

}  // namespace

std::string rows_part(std::int64_t trial, const std::string& criterion, std::int64_t fine_tuning) {
  return fmt::format("rows{:02}-{}-{}", trial, criterion, fine_tuning ? "tuned" : "cut");
}
std::string planted_part(const std::string& criterion) { return "planted-" + criterion; }

double HeadRuns::Curve::at(std::int64_t heads) const {
  const auto place = std::ranges::find(left, heads);
  return place == left.end() ? NAN : accuracies[place - left.begin()];
}

std::int64_t HeadRuns::Curve::within_one_point() const {
  std::size_t i = 0;
  while (i + 1 < left.size() && accuracies[i + 1] >= accuracies[0] - 1) ++i;
  return left[i];
}

void HeadRuns::read(const RunFolder& folder) {
  const auto steps = static_cast<std::size_t>(blocks * heads - blocks + 1), planted_steps = static_cast<std::size_t>(PlantedHeads::heads);
  auto worst = [&](const std::vector<Cells>& all) {
    for (const Cells& c : all) cut_minus_masked = std::max(cut_minus_masked, to_number(c[10]));
  };
  for (const std::string& c : criteria) {
    for (const bool tuned : {false, true})
      for (std::int64_t trial = 0; trial < trials; ++trial) {
        const auto part = checked(folder, rows_part(trial, c, tuned ? fine_tuning : 0), steps, "rows", c);
        add(rows[{c, tuned}], part, 0, steps, trials);
        worst(part);
      }
    const auto part = checked(folder, planted_part(c), planted_steps * static_cast<std::size_t>(seeds), "planted", c);
    worst(part);
    found[c] = 0;
    for (std::size_t begin = 0; begin < part.size(); begin += planted_steps) {
      add(planted[c], part, begin, begin + planted_steps, seeds);
      bool all = true;  // what went while there were other heads
      for (std::size_t i = begin + 1; i <= begin + PlantedHeads::heads - PlantedHeads::marks; ++i) all &= part[i][7] == "0";
      found[c] += all;
    }
  }
}

std::string HeadRuns::finding() const {
  const std::string& c = criteria.front();
  const Curve& cut = rows.at({c, false});
  return fmt::format("By {}, {} of {} heads are within one point of the whole, {} after fine-tuning; planted heads found in {} of {} seeds", c, cut.within_one_point(),
                     cut.left[0], rows.at({c, true}).within_one_point(), found.at(c), seeds);
}

std::string HeadRuns::table() const {
  std::string text = fmt::format("Test accuracy on MNIST's rows, heads cut out one by one, as they were cut and with {} steps of fine-tuning after each\n\n{:>12}", fine_tuning, "heads left");
  for (const std::string& c : criteria) text += fmt::format("  {:>20}", c);
  text += fmt::format("  {:>10}\n", "parameters");
  const Curve& any = rows.at({criteria.front(), false});
  for (std::size_t i = 0; i < any.left.size(); ++i) {
    text += fmt::format("{:>12}", any.left[i]);
    for (const std::string& c : criteria) text += fmt::format("  {:>20}", fmt::format("{:.2f}% {:>8.2f}%", rows.at({c, false}).accuracies[i], rows.at({c, true}).accuracies[i]));
    text += fmt::format("  {:>10}\n", any.parameters[i]);
  }
  text += fmt::format("{:>12}", "within 1%");
  for (const std::string& c : criteria) text += fmt::format("  {:>20}", fmt::format("{} {:>9}", rows.at({c, false}).within_one_point(), rows.at({c, true}).within_one_point()));
  text += fmt::format("\n\nPlanted heads: {} of {} are needed\n{:>12}", PlantedHeads::marks, PlantedHeads::heads, "found");
  for (const std::string& c : criteria) text += fmt::format("  {:>20}", fmt::format("{} of {}", found.at(c), seeds));
  for (const std::int64_t n : {PlantedHeads::heads, PlantedHeads::marks, PlantedHeads::marks - 1}) {
    text += fmt::format("\n{:>12}", fmt::format("{} heads", n));
    for (const std::string& c : criteria) text += fmt::format("  {:>20}", fmt::format("{:.2f}%", planted.at(c).at(n)));
  }
  text += fmt::format("\n\nThe largest |cut - masked| / |masked| of all removals: {:.1e}\n", cut_minus_masked);
  text += "Michel et al. (NeurIPS 2019): 20% of WMT's heads and 40% of BERT's go without a noticeable loss, by importance, without fine-tuning.\n";
  return text;
}

std::string HeadRuns::summary_json() const {
  Summary s;
  for (const std::string& c : criteria) {
    for (const bool tuned : {false, true}) {
      const Curve& curve = rows.at({c, tuned});
      const char* how = tuned ? "fine_tuned" : "cut";
      for (std::size_t i = 0; i < curve.left.size(); ++i) s.put({"rows", c, how, "accuracy", fmt::format("{}", curve.left[i])}, curve.accuracies[i]);
      s.put({"rows", c, how, "heads_within_one_point"}, curve.within_one_point());
    }
    s.put({"planted", c, "found"}, found.at(c));
    s.put({"planted", c, "seeds"}, seeds);
    s.put({"planted", c, "accuracy_with_as_many_as_needed"}, planted.at(c).at(PlantedHeads::marks));
  }
  s.put({"cut_minus_masked"}, cut_minus_masked);
  s.put({"paper_heads_removable", "wmt"}, 0.2);
  s.put({"paper_heads_removable", "bert"}, 0.4);
  return s.json();
}

void HeadRuns::show(const RunFolder& folder) const {
  draw(folder.file("figures"));
  present(folder, {.title = "Pruning attention heads, after Michel, Levy and Neubig",
                   .figures = {{"heads_accuracy.svg", finding() + "."}, {"heads_order.svg", "Which heads stay: the number in a cell says when its head went; of each block the last one stays."}},
                   .table = table(),
                   .summary = summary_json()});
}

}  // namespace bonsai::experiments
