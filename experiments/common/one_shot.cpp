#include "experiments/common/one_shot.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "experiments/common/parts.h"
#include "experiments/common/report.h"
#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"

namespace bonsai::experiments {
namespace {

// Sun et al., ICLR 2024: the perplexity of LLaMA-2 7B on WikiText, the lower the better; dense 5.12.
const std::map<std::string, std::map<std::string, double>> llama{{"0.5", {{"magnitude", 14.89}, {"sparsegpt", 6.51}, {"wanda", 6.42}}},
                                                                 {"4:8", {{"magnitude", 16.48}, {"sparsegpt", 8.12}, {"wanda", 7.97}}},
                                                                 {"2:4", {{"magnitude", 54.59}, {"sparsegpt", 10.17}, {"wanda", 11.02}}}};

std::string file_name(std::string amount) {
  std::ranges::replace(amount, ':', '-');
  return amount;
}

}  // namespace

std::string shown(const std::string& method) {
  return method == "wanda" ? "Wanda" : method == "sparsegpt" ? "SparseGPT" : method == "obc" ? "exact OBS" : method;
}
std::string one_shot_part(std::int64_t trial, const std::string& network, const std::string& method, const std::string& amount) {
  return fmt::format("trial{:02}-{}-{}-{}", trial, network, method, file_name(amount));
}
std::string dense_part(const std::string& network) { return network + "-dense"; }

double OneShot::Point::accuracy() const { return mean(accuracies); }
double OneShot::Point::error() const { return mean(errors); }

void OneShot::read(const RunFolder& folder) {
  auto rows_of = [&](const std::string& id, const std::string& network, const std::string& method, const std::string& amount) {
    const std::vector<Cells> rows = cells(folder, one_shot_header, id);
    const bool good = !rows.empty() && rows.back()[4] == whole_network &&
                      std::ranges::all_of(rows, [&](const Cells& c) { return c[1] == network && c[2] == method && c[3] == amount; });
    require(good, "{}: is not of this run; start again in another folder with --out", folder.file("parts/" + id + ".csv").string());
    return rows;
  };
  for (const std::string& network : networks) {
    dense[network] = to_number(rows_of(dense_part(network), network, "none", "0").back()[9]);
    for (const std::string& method : methods)
      for (const std::string& amount : amounts) {
        Point& p = curves[network][method].emplace_back();
        for (std::int64_t trial = 0; trial < trials; ++trial)
          for (const Cells& c : rows_of(one_shot_part(trial, network, method, amount), network, method, amount)) {
            if (c[4] != whole_network) {
              p.layers[c[4]] += to_number(c[8]) / static_cast<double>(trials);
              continue;
            }
            p.size = static_cast<std::int64_t>(to_number(c[6])), p.kept = static_cast<std::int64_t>(to_number(c[7]));
            p.errors.push_back(to_number(c[8])), p.accuracies.push_back(to_number(c[9]));
          }
      }
  }
}

double OneShot::within_one_point(const std::string& network, const std::string& method) const {
  const std::vector<Point>& curve = curves.at(network).at(method);
  std::size_t n = 0;
  while (n < fractions && curve[n].accuracy() >= dense.at(network) - 1) ++n;
  return n == 0 ? 0 : to_number(amounts[n - 1]);
}

std::string OneShot::finding() const {
  std::string text = fmt::format("Pruned without retraining, {} stays within one point of {:.2f}% up to", networks[0], dense.at(networks[0]));
  for (const std::string& m : methods) text += fmt::format("{} {:.3g}% by {}", m == methods[0] ? "" : ",", 100 * within_one_point(networks[0], m), shown(m));
  return text;
}

std::string OneShot::table() const {
  std::string text;
  for (const std::string& network : networks) {
    auto block = [&](const std::string& title, auto cell) {
      text += fmt::format("{}: {}\n{:>8}", network, title, "");
      for (const std::string& m : methods) text += fmt::format("  {:>10}", shown(m));
      text += "\n";
      for (std::size_t a = 0; a < amounts.size(); ++a) {
        text += fmt::format("{:>8}", amounts[a]);
        for (const std::string& m : methods) text += fmt::format("  {:>10}", cell(curves.at(network).at(m)[a]));
        text += "\n";
      }
    };
    block(fmt::format("test accuracy without retraining, in percent; dense {:.2f}", dense.at(network)), [](const Point& p) { return fmt::format("{:.2f}", p.accuracy()); });
    block("error of a layer's outputs, in percent of their squares, the mean of the layers", [](const Point& p) { return fmt::format("{:.3g}", 100 * p.error()); });
    text += fmt::format("  within one point of dense up to:");
    for (const std::string& m : methods) text += fmt::format(" {} {}{}", shown(m), within_one_point(network, m), m == methods.back() ? "\n" : ",");
    text += notes.at(network) + "\n";
  }
  text += "In the papers, the perplexity of LLaMA-2 7B on WikiText, dense 5.12 (Sun et al., ICLR 2024)\n";
  for (const auto& [amount, values] : llama)
    text += fmt::format("{:>8}  magnitude {}, Wanda {}, SparseGPT {}\n", amount, values.at("magnitude"), values.at("wanda"), values.at("sparsegpt"));
  return text;
}

std::string OneShot::summary_json() const {
  Summary sum;
  sum.put({"command"}, command);
  sum.put({"seeds"}, seeds);
  for (const std::string& network : networks) {
    sum.put({"networks", network, "dense", "accuracy"}, dense.at(network));
    for (const std::string& m : methods) {
      sum.put({"networks", network, m, "within_one_point"}, within_one_point(network, m));
      for (std::size_t a = 0; a < amounts.size(); ++a) {
        const Point& p = curves.at(network).at(m)[a];
        const Summary::Path at{"networks", network, m, amounts[a]};
        auto put = [&](const char* what, auto value) {
          Summary::Path path = at;
          path.push_back(what);
          sum.put(path, value);
        };
        put("accuracy", p.accuracy());
        put("min", *std::ranges::min_element(p.accuracies));
        put("max", *std::ranges::max_element(p.accuracies));
        put("error", p.error());
        put("density", static_cast<double>(p.kept) / static_cast<double>(p.size));
        for (const auto& [layer, error] : p.layers) sum.put({"networks", network, m, amounts[a], "layers", layer}, error);
      }
    }
  }
  sum.put({"paper_llama2_7b_perplexity", "dense"}, 5.12);
  for (const auto& [amount, values] : llama)
    for (const auto& [m, value] : values) sum.put({"paper_llama2_7b_perplexity", amount, m}, value);
  return sum.json();
}

void OneShot::show(const RunFolder& folder) const {
  draw(folder.file("figures"));
  const std::string source = fmt::format(" {}; {}", seeds, command);
  present(folder, {"Pruning once, without retraining",
                   {{"one_shot.svg", "The error of a layer's outputs, the mean of the layers, and the test accuracy, by how much of each layer is pruned." + source}},
                   table(), summary_json()});
}

}  // namespace bonsai::experiments
