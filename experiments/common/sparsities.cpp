#include "experiments/common/sparsities.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/common/report.h"
#include "experiments/common/summary.h"

namespace bonsai::experiments {
namespace {

// One number a trial.
template <class F>
Statistic over_trials(const Sparsities& s, const std::string& arm, std::size_t level, F value) {
  std::vector<double> values;
  for (const Sparsities::Run& r : s.runs)
    if (r.id.arm == arm && r.id.level == static_cast<std::int64_t>(level)) values.push_back(value(r));
  return Statistic(values);
}

}  // namespace

std::string arm_in_words(const std::string& arm) {
  return arm == "oneshot"      ? "one shot"
         : arm == "static"     ? "random mask"
         : arm == "set"        ? "SET"
         : arm == "rigl"       ? "RigL"
         : arm == "woodfisher" ? "WoodFisher"
                               : arm;
}

void Sparsities::read(const RunFolder& folder, const std::vector<TrainingId>& ids) {
  for (const TrainingId& id : ids) {
    Rows rows = from_csv(id, folder.part(id.str()));
    runs.push_back({id, rows.density, std::move(rows.record)});
  }
}

Statistic Sparsities::accuracy(const std::string& arm, std::size_t level) const {
  return over_trials(*this, arm, level, [](const Run& r) { return r.record.back().test.accuracy; });
}

std::string Sparsities::finding() const {
  const std::size_t last = sparsities.size();
  std::vector<std::pair<double, std::string>> order;
  for (const std::string& arm : arms) order.emplace_back(-accuracy(arm, last).mean, arm);
  std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::string text = fmt::format("At {:g}% sparsity {} reaches {:.2f}%", 100 * sparsities.back(), arm_in_words(order.front().second), -order.front().first);
  if (order.size() > 1) text += fmt::format(", {} {:.2f}%", arm_in_words(order.back().second), -order.back().first);
  return text + fmt::format("; the dense network {:.2f}%", accuracy("dense", 0).mean);
}

std::string Sparsities::summary_json() const {
  Summary s;
  s.put({"command"}, command);
  s.put({"seeds"}, seeds);
  s.put({"iterations"}, iterations);
  auto put = [&](const std::string& arm, const std::string& sparsity, std::size_t level) {
    const Statistic last = accuracy(arm, level);
    const Summary::Path at{"arms", arm, sparsity};
    auto put_one = [&](const char* name, double value) {
      Summary::Path path = at;
      path.push_back(name);
      s.put(path, value);
    };
    put_one("accuracy", last.mean);
    put_one("accuracy_min", last.min);
    put_one("accuracy_max", last.max);
    put_one("points_below_dense", accuracy("dense", 0).mean - last.mean);
    put_one("density", over_trials(*this, arm, level, [](const Run& r) { return r.density; }).mean);
  };
  put("dense", "0", 0);
  for (const std::string& arm : arms)
    for (std::size_t level = 1; level <= sparsities.size(); ++level) put(arm, fmt::format("{}", sparsities[level - 1]), level);
  for (auto [sparsity, points] : rigl_below_dense_on_resnet50)
    s.put({"paper", "rigl_on_resnet50_imagenet", fmt::format("{}", sparsity), "points_below_dense"}, points);
  return s.json();
}

std::string Sparsities::table() const {
  const bool several = std::any_of(runs.begin(), runs.end(), [](const Run& r) { return r.id.trial > 0; });
  std::string out = fmt::format("Test accuracy after {} steps, in percent{}. Dense: {:.2f}\n\n{:<14}", iterations, several ? "; in brackets its range over the trials" : "",
                                accuracy("dense", 0).mean, "sparsity");
  for (double s : sparsities) out += fmt::format(" {:>21}", fmt::format("{:g}%", 100 * s));
  out += "\n";
  for (const std::string& arm : arms) {
    out += fmt::format("{:<14}", arm_in_words(arm));
    for (std::size_t level = 1; level <= sparsities.size(); ++level) {
      const Statistic a = accuracy(arm, level);
      out += fmt::format(" {:>21}", several ? fmt::format("{:.2f} ({:.2f}, {:.2f})", a.mean, a.min, a.max) : fmt::format("{:.2f}", a.mean));
    }
    out += "\n";
  }
  if (std::find(arms.begin(), arms.end(), "rigl") != arms.end()) {
    out += "\nRigL's points below dense, here and in the paper (ResNet-50 on ImageNet, ERK):\n";
    for (auto [sparsity, points] : rigl_below_dense_on_resnet50) {
      const auto at = std::find(sparsities.begin(), sparsities.end(), sparsity);
      if (at == sparsities.end()) continue;
      const auto level = static_cast<std::size_t>(at - sparsities.begin()) + 1;
      out += fmt::format("  {:g}% sparsity: {:.2f} here, {:.2f} there\n", 100 * sparsity, accuracy("dense", 0).mean - accuracy("rigl", level).mean, points);
    }
  }
  return out;
}

void Sparsities::show(const RunFolder& folder) const {
  draw(folder.file("figures"));
  const std::string source = " " + seeds + "; " + command;
  present(folder, {"Ways to a sparse network on " + dataset,
                   {{"sparsity.svg", finding() + "." + source},
                    {"course.svg", fmt::format("On the way to {:g}%: sparsity and test accuracy at each step.", 100 * sparsities.back()) + source}},
                   table(),
                   summary_json()});
}

}  // namespace bonsai::experiments
