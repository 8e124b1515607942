#include "experiments/common/filters.h"

#include <algorithm>

#include "core/parallel.h"
#include "experiments/common/report.h"
#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"
#include "prune/report.h"

namespace bonsai::experiments {
namespace {

std::string shapes_of(nn::Module& net) {
  std::string all;
  for (const nn::Parameter* p : net.parameters()) all += str(p->shape());
  return all;
}

}  // namespace

std::vector<TrainingId> FilterRuns::plan() const {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    ids.push_back({trial, "fine-tuned", 0, 0});
    for (const std::string& c : criteria)
      for (std::size_t level = 1; level <= ratios.size(); ++level) ids.push_back({trial, c, 0, static_cast<std::int64_t>(level)});
  }
  return ids;
}

void FilterRuns::read(const RunFolder& folder) {
  for (const TrainingId& id : plan()) {
    const auto record = from_csv(id, folder.part(id.str())).record;
    accuracies[{id.arm, id.level}].push_back({record.front().test.accuracy, record.back().test.accuracy});
  }
}

void FilterRuns::measure(const Tensor& examples, int repeats) {
  if (soft()) return;
  set_threads(hardware_threads());
  auto whole = dense.network();
  auto look_at = [&](Cut& c, nn::Sequential& net) {
    const prune::Share all = prune::report(net, examples).all();
    c.parameters = all.size, c.macs = all.macs;
    auto speedup = [&](std::int64_t batch, int times) {
      const auto t = prune::latencies({whole.get(), &net}, examples, batch, {.warm_up = 1, .repeats = times});
      return t[0].median / t[1].median;
    };
    c.speedup64 = speedup(64, repeats), c.speedup1 = speedup(1, 5 * repeats);
  };
  const prune::Share all = prune::report(*whole, examples).all();
  dense.parameters = all.size, dense.macs = all.macs;
  std::map<std::string, Cut> known;  // networks of the same shapes are equally fast
  for (auto& [key, c] : cuts) {
    auto net = c.network();
    const auto [it, is_new] = known.emplace(shapes_of(*net), Cut{});
    if (is_new) look_at(it->second, *net);
    c.parameters = it->second.parameters, c.macs = it->second.macs, c.speedup64 = it->second.speedup64, c.speedup1 = it->second.speedup1;
  }
}

FilterRuns::Accuracy FilterRuns::accuracy(const std::string& arm, std::int64_t level) const {
  std::vector<double> before, after;
  for (const Accuracy& a : accuracies.at({arm, level})) before.push_back(a.before), after.push_back(a.after);
  return {mean(before), mean(after)};
}

std::string FilterRuns::finding() const {
  const auto last = static_cast<std::int64_t>(ratios.size());
  const std::string best = *std::ranges::max_element(criteria, {}, [&](const std::string& c) { return accuracy(c, last).after; });
  if (soft())
    return fmt::format("With {:g}% of each layer's filters soft and then gone {} has {:.1f}% right ({}), without pruning {:.1f}%", 100 * ratios.back(), net,
                       accuracy(best, last).after, best, accuracy("fine-tuned", 0).after);
  const Cut& c = cuts.at({best, last});
  return fmt::format("Without {:g}% of its channels {} has {:.1f}% right ({}) in place of {:.1f}%, does {:.2f} times less and is {:.2f} times as fast", 100 * ratios.back(), net,
                     accuracy(best, last).after, best, accuracy("fine-tuned", 0).before, static_cast<double>(dense.macs) / static_cast<double>(c.macs), c.speedup64);
}

std::string FilterRuns::table() const {
  const Accuracy whole = accuracy("fine-tuned", 0);
  std::string out = fmt::format("Test accuracy of {} in percent after {} steps of fine-tuning, in brackets before them. The whole network: {:.2f} ({:.2f})\n\n{:<16}", net, iterations,
                                whole.after, whole.before, soft() ? "filters gone" : "channels gone");
  for (const double r : ratios) out += fmt::format(" {:>15}", fmt::format("{:g}%", 100 * r));
  out += "\n";
  auto line = [&](const std::string& name, auto&& cell) {
    out += fmt::format("{:<16}", name);
    for (std::size_t level = 1; level <= ratios.size(); ++level) out += fmt::format(" {:>15}", cell(static_cast<std::int64_t>(level)));
    out += "\n";
  };
  for (const std::string& c : criteria)
    line(c, [&](std::int64_t level) {
      const Accuracy a = accuracy(c, level);
      return fmt::format("{:.2f} ({:.2f})", a.after, a.before);
    });
  if (soft())
    return out + (net == "resnet20" ? "\nHe et al. (2019), ResNet-20 trained so for 200 epochs from random weights: whole 92.20; l2 (SFP) 30% 90.83; fpgm 30% 91.09, 40% 90.44;\n"
                                      "fpgm-mix 40% 91.99\n"
                                    : "");
  for (const std::string& c : criteria) {  // one network is as large as another, unless all layers compete
    const std::string of = global ? " " + c : "";
    auto share = [&](std::int64_t part, std::int64_t all) { return fmt::format("{:.1f}%", 100 * static_cast<double>(part) / static_cast<double>(all)); };
    out += "\n";
    line("parameters" + of, [&](std::int64_t l) { return share(cuts.at({c, l}).parameters, dense.parameters); });
    line("MACs" + of, [&](std::int64_t l) { return share(cuts.at({c, l}).macs, dense.macs); });
    line("speed, 64" + of, [&](std::int64_t l) { return fmt::format("{:.2f}x", cuts.at({c, l}).speedup64); });
    line("speed, 1" + of, [&](std::int64_t l) { return fmt::format("{:.2f}x", cuts.at({c, l}).speedup1); });
    if (!global) break;
  }
  double worst = 0;
  std::string spared;  // where a layer would have lost its last channel
  for (const auto& [key, c] : cuts) {
    worst = std::max(worst, c.cut_minus_masked);
    for (const std::string& line : c.spared) spared += fmt::format("{}, {:g}%: {}\n", key.first, 100 * ratios[key.second - 1], line);
  }
  return out + fmt::format("\nspeed: measured forward passes at batch 64 and 1, {} threads, the dense network's time over the cut one's\nthe cut networks' outputs differ from the masked ones' by at most {:.1e} of their size\n",
                           hardware_threads(), worst) +
         spared;
}

std::string FilterRuns::summary_json() const {
  Summary s;
  s.put({"net"}, net);
  s.put({"dense", "accuracy"}, accuracy("fine-tuned", 0).before);
  s.put({"dense", "accuracy_fine_tuned"}, accuracy("fine-tuned", 0).after);
  if (!soft()) s.put({"dense", "parameters"}, dense.parameters), s.put({"dense", "macs"}, dense.macs);
  s.put({"ratio"}, ratios.back());  // of what follows
  for (const std::string& c : criteria)
    for (std::size_t level = ratios.size(); level >= 1; --level) {
      const auto l = static_cast<std::int64_t>(level);
      Summary::Path at{"methods", c};
      if (level < ratios.size()) at.insert(at.end(), {"ratios", fmt::format("{:g}", ratios[level - 1])});
      auto put = [&](const char* name, double value) {
        Summary::Path path = at;
        path.push_back(name);
        s.put(path, value);
      };
      put("accuracy_before", accuracy(c, l).before);
      put("accuracy_after", accuracy(c, l).after);
      if (soft()) continue;
      const Cut& cut = cuts.at({c, l});
      put("parameters_ratio", static_cast<double>(dense.parameters) / static_cast<double>(cut.parameters));
      put("macs_ratio", static_cast<double>(dense.macs) / static_cast<double>(cut.macs));
      put("speedup", cut.speedup64);
      put("cut_minus_masked", cut.cut_minus_masked);
    }
  return s.json();
}

void FilterRuns::show(const RunFolder& folder) const {
  draw(folder.file("figures"));
  const std::string source = " " + seeds + "; " + command;
  std::vector<Figure> figures{{"accuracy.svg", finding() + ". Test accuracy before and after fine-tuning, a line a criterion." + source}};
  if (!soft()) figures.push_back({"speed.svg", "How much less there is to compute, and how much faster it is." + source});
  present(folder, {soft() ? "Filters of " + net + " on CIFAR-10, pruned softly" : "Channels of " + net + " on CIFAR-10, cut out", figures, table(), summary_json()});
}

}  // namespace bonsai::experiments
