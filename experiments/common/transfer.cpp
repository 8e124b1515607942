#include "experiments/common/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/common/summary.h"

namespace bonsai::experiments {
namespace {

// BERT-base with distillation, Sanh, Wolf and Rush, NeurIPS 2020: SQuAD's F1, MNLI's and QQP's accuracy.
struct PaperRow {
  const char* arm;
  double density, squad, mnli, qqp;
};
const PaperRow paper[] = {{"dense", 1, 88.1, 84.5, 91.4},  {"magnitude", 0.1, 80.1, 78.3, 79.8},  {"movement", 0.1, 84.3, 80.1, 89.7},
                          {"soft", 0.1, 84.9, 81.2, 90.2}, {"magnitude", 0.03, 59.6, 69.4, 72.4}, {"movement", 0.03, 78.0, 76.5, 86.1},
                          {"soft", 0.03, 82.3, 79.5, 89.1}};

const PaperRow* paper_row(const std::string& arm, double density) {
  const auto it = std::ranges::find_if(paper, [&](const PaperRow& r) { return r.arm == arm && r.density == density; });
  return it == std::end(paper) ? nullptr : it;
}

std::string cell(const Transfer::Point& p, bool several) {
  std::string text = fmt::format("{:.2f}", p.accuracy);
  return several ? text + fmt::format(" ({:.2f}..{:.2f})", p.low, p.high) : text;
}

}  // namespace

std::vector<TrainingId> Transfer::pretrainings() const {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial) ids.push_back({trial, "pretrained", 0, 0});
  return ids;
}

std::vector<TrainingId> Transfer::plan() const {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    ids.push_back({trial, "dense", 0, 0});
    for (const std::string& arm : arms)
      for (std::int64_t level = 1; level <= levels(arm); ++level) ids.push_back({trial, arm, 0, level});
  }
  return ids;
}

void Transfer::read(const RunFolder& folder) {
  std::map<std::pair<std::string, std::int64_t>, std::vector<Rows>> all;
  for (const auto& ids : {pretrainings(), plan()})
    for (const TrainingId& id : ids) all[{id.arm, id.level}].push_back(from_csv(id, folder.part(id.str())));
  for (const auto& [key, runs] : all) {
    Point p{0, 0, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    for (const Rows& r : runs) {
      const double accuracy = r.record.back().test.accuracy, n = static_cast<double>(runs.size());
      p.density += r.density / n;
      p.accuracy += accuracy / n;
      p.low = std::min(p.low, accuracy);
      p.high = std::max(p.high, accuracy);
    }
    points[key] = p;
  }
}

std::int64_t Transfer::level(const std::string& arm, std::size_t density) const {
  if (arm != "soft") return static_cast<std::int64_t>(density) + 1;
  std::int64_t best = 1;
  auto distance = [&](std::int64_t l) { return std::abs(std::log(points.at({arm, l}).density / densities[density])); };
  for (std::int64_t l = 2; l <= levels(arm); ++l)
    if (distance(l) < distance(best)) best = l;
  return best;
}

std::string Transfer::table() const {
  const bool several = trials > 1;
  std::string out = fmt::format("test accuracy on Fashion-MNIST in percent{}; fine-tuned whole it is {}\n\n",
                                several ? fmt::format(", mean of {} trials (worst..best)", trials) : "",
                                cell(points.at({"dense", 0}), several));
  const int width = several ? 22 : 10, soft_width = width + 26;
  out += fmt::format("{:>12}", "weights left");
  for (const std::string& arm : arms)
    out += fmt::format(" | {:<{}}", arm == "soft" ? "soft (weights left, lambda)" : arm, arm == "soft" ? soft_width : width);
  for (std::size_t d = 0; d < densities.size(); ++d) {
    out += fmt::format("\n{:>12}", fmt::format("{:g}%", 100 * densities[d]));
    for (const std::string& arm : arms) {
      const Point& p = at(arm, d);
      out += fmt::format(" | {:<{}}",
                         arm == "soft"
                             ? fmt::format("{} ({:.2f}%, lambda {:g})", cell(p, several), 100 * p.density, lambdas[level(arm, d) - 1])
                             : cell(p, several),
                         arm == "soft" ? soft_width : width);
    }
  }
  out += "\n\nthe paper's, of another network and other tasks (BERT-base with distillation: SQuAD F1 / MNLI / QQP accuracy)\n\n";
  out += fmt::format("{:>12} | {:<18} | {:<18} | {:<18}\n", "weights left", "movement", "soft", "magnitude");
  const PaperRow& dense = *paper_row("dense", 1);
  out += fmt::format("{:>12} | {} / {} / {}\n", "100%", dense.squad, dense.mnli, dense.qqp);
  for (double density : {0.1, 0.03}) {
    out += fmt::format("{:>12}", fmt::format("{:g}%", 100 * density));
    for (const char* arm : {"movement", "soft", "magnitude"}) {
      const PaperRow& r = *paper_row(arm, density);
      out += fmt::format(" | {:.1f} / {:.1f} / {:.1f}", r.squad, r.mnli, r.qqp);
    }
    out += "\n";
  }
  return out;
}

std::string Transfer::summary() const {
  Summary s;
  s.put({"command"}, command);
  s.put({"trials"}, trials);
  s.put({"pretrained", "mnist_accuracy"}, points.at({"pretrained", 0}).accuracy);
  s.put({"dense", "accuracy"}, points.at({"dense", 0}).accuracy);
  for (std::size_t d = 0; d < densities.size(); ++d)
    for (const std::string& arm : arms) {
      const Summary::Path path{"densities", fmt::format("{}", densities[d]), arm};
      auto put = [&](const char* what, double v) {
        Summary::Path all = path;
        all.emplace_back(what);
        s.put(all, v);
      };
      const Point& p = at(arm, d);
      put("accuracy", p.accuracy);
      put("density", p.density);
      put("accuracy_min", p.low);
      put("accuracy_max", p.high);
      if (arm == "soft") put("lambda", lambdas[level(arm, d) - 1]);
      if (const PaperRow* r = paper_row(arm, densities[d])) {
        put("paper_bert_squad_f1", r->squad);
        put("paper_bert_mnli", r->mnli);
        put("paper_bert_qqp", r->qqp);
      }
    }
  for (std::size_t l = 0; l < lambdas.size() && points.contains({"soft", 1}); ++l) {
    const Point& p = points.at({"soft", static_cast<std::int64_t>(l) + 1});
    s.put({"lambdas", fmt::format("{}", lambdas[l]), "accuracy"}, p.accuracy);
    s.put({"lambdas", fmt::format("{}", lambdas[l]), "density"}, p.density);
  }
  return s.json();
}

}  // namespace bonsai::experiments
