#include "tests/bench/step_time/report.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "core/cpu/cpu.h"
#include "core/parallel.h"
#include "experiments/common/program.h"
#include "revision.h"

namespace bonsai::bench {
namespace {

using nlohmann::ordered_json;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string today() {
  char text[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(text, sizeof text, "%Y-%m-%d", std::localtime(&now));
  return text;
}

double least(double a, double b) { return std::isnan(a) || b < a ? b : a; }
double at(const std::map<double, double>& by_density, double d) {
  const auto found = by_density.find(d);
  return found == by_density.end() ? nan : found->second;
}
std::string cell(double v, int digits, const char* unit = "") { return std::isnan(v) ? "-" : fmt::format("{:.{}f}{}", v, digits, unit); }
ordered_json number(double v) { return std::isnan(v) ? ordered_json(nullptr) : ordered_json(v); }

// A speed that was asked for, and what this run measured.
struct Goal {
  std::string what;
  double measured, asked;
  const char* unit;
  std::string note = {};
  bool met() const { return measured >= asked; }
  std::string verdict() const { return std::isnan(measured) ? "not measured" : met() ? "met" : "missed"; }
};

std::vector<Goal> all_goals(const StepTime& t) {
  std::vector<Goal> goals{{"dense step, no masks, times as fast as PyTorch's best", t.torch_best() / t.dense, 3, "x"}};
  const std::pair<double, double> asked[] = {{0.5, 1}, {0.4, 1}, {0.3, 1}, {0.2, 2.5}, {0.1, 4.5}, {0.036, 9}};
  for (auto [d, times] : asked)
    goals.push_back({fmt::format("packed step at density {}, times as fast as masked", d), at(t.masked, d) / at(t.packed, d), times, "x"});
  goals.push_back({"packed step at density 0.036, times as fast as PyTorch's masked", t.torch_masked_at(0.036) / at(t.packed, 0.036), 25, "x"});
  for (const double d : product_densities)
    goals.push_back({fmt::format("sparse product at density {}, times as fast as dense", d), t.product_dense / at(t.product, d), 1, "x"});
  goals.push_back({"sparse product at density 0.1, GFLOP/s of useful work", t.product_gflops, 55, "",
                   fmt::format("{:.0f}% of the core's {:.0f}", 100 * t.product_gflops / t.peak_gflops, t.peak_gflops)});
  return goals;
}

}  // namespace

StepTime::StepTime(const Results& r)
    : machine(fmt::format("{}, {} processors", experiments::cpu_model(), hardware_threads())), date(today()), isa(cpu_instruction_set()), revision(git_revision()) {
  dense = r.seconds(step_name + "unmasked");
  for (const double d : densities) {
    masked[d] = r.seconds(fmt::format("{}masked/{}", step_name, d));
    packed[d] = r.seconds(fmt::format("{}packed/{}", step_name, d));
    for (const std::string& kind : torch_masks) torch_masked[kind][d] = r.seconds(fmt::format("{}masked/{}/{}", torch_name, kind, d));
  }
  for (const std::string& s : torch_settings) torch_dense[s] = r.seconds(torch_name + "dense/" + s);
  product_dense = r.seconds(product_name + "dense");
  for (const double d : product_densities) product[d] = r.seconds(fmt::format("{}{}", product_name, d));
  product_gflops = r.counter(product_name + "0.1", "GFLOP/s");
  peak_gflops = r.counter("multiply_add", "GFLOP/s");
}

double StepTime::torch_best() const {
  double best = nan;
  for (const auto& [setting, seconds] : torch_dense) best = least(best, seconds);
  return best;
}

std::string StepTime::torch_best_setting() const {
  for (const auto& [setting, seconds] : torch_dense)
    if (seconds == torch_best()) return setting;
  return "";
}

double StepTime::torch_masked_at(double density) const {
  double best = nan;
  for (const auto& [kind, by_density] : torch_masked) best = least(best, at(by_density, density));
  return best;
}

double StepTime::crossover() const {
  for (std::size_t i = 0; i + 1 < densities.size(); ++i) {
    const double high = densities[i], low = densities[i + 1];
    const double above = std::log(at(packed, high) / at(masked, high)), below = std::log(at(packed, low) / at(masked, low));
    if (above > 0 && below <= 0) return std::exp(std::log(high) + (std::log(low) - std::log(high)) * above / (above - below));
  }
  return nan;
}

std::string StepTime::table() const {
  std::string text = fmt::format("One training step of LeNet-300-100: batch 60, Adam, f32, {}; ours on one thread. Medians of the repetitions.\n{}, {}, {}\n\n", isa, machine,
                                 date, revision);
  text += fmt::format("dense, no masks: {} ms\n", cell(1e3 * dense, 3));
  if (!torch.empty()) {
    const ordered_json about = ordered_json::parse(torch);
    text += fmt::format("PyTorch {}: {}\n", about.at("version").get<std::string>(), about.at("libraries").get<std::string>());
    for (const std::string& s : torch_settings)
      text += fmt::format("  dense, {}: {} ms{}\n", s, cell(1e3 * torch_dense.at(s), 3), s == torch_best_setting() ? ", its best" : "");
    text += fmt::format("  masked with {}, by torch.nn.utils.prune at 0.036: {} ms; by hand: {} ms; the table has the faster of the two\n",
                        about.at("masked_with").get<std::string>(), cell(1e3 * at(torch_masked.at("prune"), 0.036), 3),
                        cell(1e3 * at(torch_masked.at("multiply"), 0.036), 3));
  }
  text += fmt::format("\n{:>8}  {:>10}  {:>10}  {:>12}  {:>12}  {:>12}\n", "density", "masked, ms", "packed, ms", "times faster", "PyTorch's, ms", "times faster");
  for (const double d : densities)
    text += fmt::format("{:>8}  {:>10}  {:>10}  {:>12}  {:>13}  {:>12}\n", d, cell(1e3 * at(masked, d), 4), cell(1e3 * at(packed, d), 4),
                        cell(at(masked, d) / at(packed, d), 2), cell(1e3 * torch_masked_at(d), 3), cell(torch_masked_at(d) / at(packed, d), 1));
  return text + (std::isnan(crossover()) ? "" : fmt::format("packed is faster than masked below density {:.2g}\n", crossover()));
}

std::string StepTime::goals() const {
  std::string text = fmt::format("{:<64}  {:>8}  {:>8}\n", "goal", "measured", "at least");
  for (const Goal& g : all_goals(*this))
    text += fmt::format("{:<64}  {:>8}  {:>8}  {}{}\n", g.what, cell(g.measured, g.measured < 10 ? 2 : 1, g.unit), fmt::format("{:g}{}", g.asked, g.unit), g.verdict(),
                        g.note.empty() || std::isnan(g.measured) ? "" : ": " + g.note);
  return text + (torch.empty() ? "(PyTorch's rows: --peers)\n" : "");
}

std::string StepTime::json() const {
  ordered_json j{{"command", command}, {"machine", machine}, {"date", date}, {"isa", isa}, {"revision", revision}};
  j["ms"]["unmasked"] = number(1e3 * dense);
  auto add = [](ordered_json& to, const std::map<double, double>& by_density) {
    for (const double d : densities)
      if (by_density.contains(d)) to[fmt::format("{}", d)] = number(1e3 * at(by_density, d));
  };
  add(j["ms"]["masked"], masked);
  add(j["ms"]["packed"], packed);
  j["crossover"] = number(crossover());
  if (!torch.empty()) {
    j["pytorch"] = ordered_json::parse(torch);
    for (const std::string& s : torch_settings) j["ms"]["pytorch_dense"][s] = number(1e3 * torch_dense.at(s));
    for (const std::string& kind : torch_masks) add(j["ms"]["pytorch_masked"][kind], torch_masked.at(kind));
  }
  j["product_ms"]["dense"] = number(1e3 * product_dense);
  add(j["product_ms"], product);
  j["product_gflops"] = number(product_gflops);
  j["peak_gflops"] = number(peak_gflops);
  for (const Goal& g : all_goals(*this))
    j["goals"].push_back({{"goal", g.what}, {"measured", number(g.measured)}, {"at_least", g.asked}, {"verdict", g.verdict()}});
  return j.dump(2) + "\n";
}

}  // namespace bonsai::bench
