#include "experiments/common/sensitivity_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/common/parts.h"
#include "experiments/common/report.h"
#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"

namespace bonsai::experiments {
namespace {

// Han et al., NIPS 2015, table 2: what they prune of each layer of LeNet-300-100, retraining between the rounds.
const std::map<std::string, double> han{{"fc1", 0.92}, {"fc2", 0.91}, {"fc3", 0.74}, {all_layers, 0.92}};

}  // namespace

std::string part_id(std::int64_t trial, const std::string& layer) { return fmt::format("trial{:02}-{}", trial, layer); }

double Sensitivity::Point::mean() const { return experiments::mean(accuracies); }

void Sensitivity::read(const RunFolder& folder, std::int64_t trials) {
  for (const std::string& layer : layers) {
    std::vector<Point>& curve = curves[layer];
    curve.resize(sparsities.size());
    for (std::int64_t trial = 0; trial < trials; ++trial) {
      const std::string id = part_id(trial, layer);
      const std::vector<Cells> rows = cells(folder, sensitivity_header, id);
      bool good = rows.size() == sparsities.size();
      for (std::size_t i = 0; good && i < rows.size(); ++i) {
        good = rows[i][0] == fmt::format("{}", trial) && rows[i][1] == layer && to_number(rows[i][2]) == sparsities[i];
        curve[i].kept = static_cast<std::int64_t>(to_number(rows[i][3]));
        curve[i].accuracies.push_back(to_number(rows[i][5]));
      }
      require(good, "{}: is not of this run; start again in another folder with --out", folder.file("parts/" + id + ".csv").string());
    }
  }
}

double Sensitivity::within_one_point(const std::string& layer) const {
  const std::vector<Point>& curve = curves.at(layer);
  std::size_t i = 0;
  while (i + 1 < curve.size() && curve[i + 1].mean() >= curve[0].mean() - 1) ++i;
  return sparsities[i];
}

std::string Sensitivity::table() const {
  std::string text = fmt::format("Test accuracy with one layer pruned by {}, without retraining\n\n{:>12}", criterion, "sparsity");
  auto row = [&](const std::string& name, auto cell) {
    text += fmt::format("{:>12}", name);
    for (const std::string& layer : layers) text += fmt::format("  {:>12}", cell(layer));
    text += "\n";
  };
  for (const std::string& layer : layers) text += fmt::format("  {:>12}", layer == all_layers ? together : layer);
  text += "\n";
  for (std::size_t i = 0; i < sparsities.size(); ++i)
    row(fmt::format("{}", sparsities[i]), [&](const std::string& layer) { return fmt::format("{:.2f}%", curves.at(layer)[i].mean()); });
  text += "\nSparsity within one point of the dense accuracy\n";
  row("here", [&](const std::string& layer) { return fmt::format("{}", within_one_point(layer)); });
  if (dataset == "mnist") {
    text += "Sparsity that Han et al. (NIPS 2015) reach at no loss, retraining between the rounds\n";
    row("paper", [&](const std::string& layer) { return fmt::format("{}", han.at(layer)); });
  }
  const bool several = curves.at(all_layers)[0].accuracies.size() > 1;
  text += fmt::format("\nAll layers together, {} of the weights pruned by {}, competing globally{}: test accuracy {:.2f}%\n\n", sparsity,
                      criterion, several ? ", in the first trial" : "", inside.accuracy);
  return text + prune::table(inside.report);
}

std::string Sensitivity::summary_json() const {
  Summary sum;
  sum.put({"command"}, command);
  sum.put({"seeds"}, seeds);
  for (const std::string& layer : layers) {
    for (std::size_t i = 0; i < sparsities.size(); ++i) {
      const Point& p = curves.at(layer)[i];
      const std::string at = fmt::format("{}", sparsities[i]);
      sum.put({"layers", layer, at, "accuracy"}, p.mean());
      sum.put({"layers", layer, at, "min"}, *std::min_element(p.accuracies.begin(), p.accuracies.end()));
      sum.put({"layers", layer, at, "max"}, *std::max_element(p.accuracies.begin(), p.accuracies.end()));
      sum.put({"layers", layer, at, "kept"}, p.kept);
    }
    sum.put({"layers", layer, "within_one_point"}, within_one_point(layer));
    if (dataset == "mnist") sum.put({"layers", layer, "paper_with_retraining"}, han.at(layer));
  }
  const prune::Report& r = inside.report;
  sum.put({"pruned_globally", "sparsity"}, sparsity);
  sum.put({"pruned_globally", "accuracy"}, inside.accuracy);
  sum.put({"pruned_globally", "compression"}, r.compression());
  sum.put({"pruned_globally", "speed_up"}, r.speed_up());
  for (const prune::ParameterReport& p : r.parameters) {
    if (!p.is_weight) continue;
    sum.put({"pruned_globally", "layers", p.name, "kept"}, p.kept);
    sum.put({"pruned_globally", "layers", p.name, "dead_units"}, p.dead);
  }
  return sum.json();
}

void show(const Sensitivity& s, const RunFolder& folder) {
  s.draw(folder.file("figures"));
  const std::string source = fmt::format(" {}; {}", s.seeds, s.command);
  present(folder, {"Sensitivity of the layers on " + s.dataset,
                   {{"sensitivity.svg", "Test accuracy with one layer pruned and the others left as they are." + source},
                    {"histograms.svg", "The weights of each layer before and after it is pruned alone." + source}},
                   s.table(),
                   s.summary_json()});
}

}  // namespace bonsai::experiments
