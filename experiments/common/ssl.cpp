#include "experiments/common/ssl.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "core/parallel.h"
#include "experiments/common/report.h"
#include "experiments/common/statistics.h"
#include "experiments/common/summary.h"
#include "prune/latency.h"
#include "prune/recovery/rewind.h"
#include "prune/report.h"
#include "prune/structure/group_lasso.h"
#include "prune/structure/surgery.h"

namespace bonsai::experiments {
namespace {

std::int64_t left_of(const Tensor& w, int axis) {
  const prune::ZeroGroups zero = prune::zero_groups(w);
  return axis == 2 ? w.numel() / w.size(0) - std::ssize(zero.shapes) : w.size(axis) - std::ssize(axis == 0 ? zero.filters : zero.channels);
}

// As the paper's tables name them: filters and channels "5-19, 1-4", filter shapes "21-41", neurons "469-294-166-10".
std::string left_of(const std::string& arm, const std::vector<Tensor>& v) {  // v: weight, bias, weight, bias, ...
  const std::string filters = fmt::format("{}-{}, {}-{}", left_of(v[0], 0), left_of(v[2], 0), left_of(v[0], 1), left_of(v[2], 1));
  if (arm == "filters" || arm == "lenet5") return filters;
  if (arm == "shapes") return fmt::format("{}-{}", left_of(v[0], 2), left_of(v[2], 2));
  return fmt::format("{}-{}-{}-{}", left_of(v[0], 1), left_of(v[2], 1), left_of(v[4], 1), v[4].size(0));
}

// The units that are at 0: all that makes them is, or all that reads them.
std::vector<int> zero_units(const prune::Channels& channels) {
  std::vector<char> made(static_cast<std::size_t>(channels.units()), 0), read(made);
  for (const prune::Placed& t : channels.tensors())
    for (std::size_t axis = 0; t.parameter && axis < t.unit.size(); ++axis) {
      const Tensor& w = t.parameter->leaf();
      const std::int64_t stride = contiguous_strides(w.shape())[static_cast<int>(axis)], size = w.size(static_cast<int>(axis));
      for (std::int64_t i = 0; i < w.numel(); ++i)
        if (const int unit = t.unit[axis][static_cast<std::size_t>(i / stride % size)]; unit >= 0 && w.at(i) != 0) (t.reads[axis] ? read : made)[static_cast<std::size_t>(unit)] = 1;
    }
  std::vector<int> zero;
  for (int u = 0; u < channels.units(); ++u)
    if (!made[static_cast<std::size_t>(u)] || !read[static_cast<std::size_t>(u)]) zero.push_back(u);
  return zero;
}

Tensor answers(nn::Module& net, const Tensor& inputs) {
  const NoGrad off;
  const nn::Evaluating mode(net);
  return net(inputs);
}

struct Published {
  const char *arm, *left, *rest;
};
const Published published[] = {
    {"filters", "20-50, 1-20", "0.9 [M]                        MACs of the convolutions 100-100%"},
    {"filters", "5-19, 1-4", "0.8 [M]                        25-7.6%, 1.64x-5.23x as fast"},
    {"filters", "3-12, 1-3", "1.0 [M]                        15-3.6%, 1.99x-7.44x"},
    {"shapes", "25-500", "0.9 [M]"},
    {"shapes", "21-41", "0.8 [M]                        8.4-8.2%, 2.33x-6.93x"},
    {"shapes", "7-14", "1.0 [M]                        1.4-2.8%, 5.19x-10.82x"},
    {"neurons", "784-500-300-10", "1.43 [V]"},
    {"neurons", "469-294-166-10", "1.34 [M]"},
    {"neurons", "434-174-78-10", "1.53 [V]"},
};

}  // namespace

std::vector<TrainingId> SslRuns::plan() const {
  std::vector<TrainingId> ids;
  for (std::int64_t trial = 0; trial < trials; ++trial) {
    for (const char* dense : {"lenet5", "mlp"}) ids.push_back({trial, dense, 0, 0});
    for (const SslArm& arm : arms)
      for (std::size_t level = 1; level <= arm.lambdas.size(); ++level) ids.push_back({trial, arm.name, 0, static_cast<std::int64_t>(level)});
  }
  return ids;
}

void SslRuns::measure(const RunFolder& folder, const Tensor& inputs) {
  set_threads(1);  // as the clock sees it, a core that somebody else wants halfway costs two threads more than one
  std::map<Key, std::vector<double>> errors;
  for (const TrainingId& id : plan()) errors[{id.arm, id.level}].push_back(100 - from_csv(id, folder.part(id.str())).record.back().test.accuracy);
  std::map<std::string, std::vector<Key>> timed;
  std::map<Key, std::unique_ptr<nn::Sequential>> cut;
  for (auto& [key, row] : rows) {
    row.error = mean(errors.at(key));
    row.left = left_of(key.first, row.values);
    std::string of = key.first;
    for (const SslArm& arm : arms)
      if (arm.name == key.first) of = arm.net;
    auto net = network(of);
    prune::set_masks(net->parameters(), row.masks);
    prune::rewind(net->parameters(), row.values);
    for (const nn::Parameter* p : net->parameters()) row.collapsed |= p->shape().rank() > 1 && std::ranges::all_of(p->leaf().data<float>(), [](float w) { return w == 0; });
    if (row.collapsed) continue;
    const Tensor before = answers(*net, inputs);
    const prune::Channels channels(*net, slice(inputs, 0, 0, 1));
    prune::mask_units(channels, zero_units(channels));
    const prune::Report whole = prune::report(*net, inputs);
    prune::cut(*net, inputs);
    const prune::Report small = prune::report(*net, inputs);  // (masks of what is 0 and could not be cut out are still there)
    auto share = [](std::int64_t part, std::int64_t all) { return static_cast<double>(part) / static_cast<double>(all); };
    for (std::size_t i = 0; i < whole.parameters.size(); ++i)
      if (whole.parameters[i].is_weight) row.macs_by_weight.push_back(share(small.parameters[i].kept_macs, whole.parameters[i].macs));
    row.macs = share(small.all().kept_macs, whole.all().macs);
    row.cut_minus_masked = prune::relative_distance(answers(*net, inputs), before);
    for (nn::Parameter* p : net->parameters()) {
      p->clear_mask();  // a convolution of zeros takes as long as any other
      if (p->shape().rank() > 1) row.widths.push_back(p->shape()[0]);
    }
    cut[key] = std::move(net), timed[of].push_back(key);
  }
  for (auto& [net, keys] : timed) {
    std::vector<nn::Module*> nets{cut.at({net, 0}).get()};
    for (const Key& key : keys) nets.push_back(cut.at(key).get());
    const auto times = prune::latencies(nets, inputs, 64, {.warm_up = 5, .repeats = 41});
    for (std::size_t i = 0; i < keys.size(); ++i) rows.at(keys[i]).speedup = keys[i].second == 0 ? 1 : times[0].median / times[i + 1].median;
  }
}

std::string SslRuns::finding() const {
  const Row& dense = rows.at({"lenet5", 0});
  const Row* best = nullptr;  // the smallest that errs by half a percent more at most, else the most accurate
  std::string arm_of_best;
  for (const auto& [key, r] : rows) {
    if (key.second == 0 || key.first != "filters" || r.collapsed) continue;
    auto good = [&](const Row& x) { return x.error <= dense.error + 0.5; };
    if (!best || (good(r) && (!good(*best) || r.macs < best->macs)) || (!good(*best) && r.error < best->error)) best = &r;
  }
  if (!best) return "Every penalty on the filters has emptied a layer of LeNet-5";
  return fmt::format("LeNet-5 with {} filters errs on {:.2f}% in place of {:.2f}%, does {:.1f}% of the multiply-adds and is {:.2f} times as fast", best->left.substr(0, best->left.find(',')),
                     best->error, dense.error, 100 * best->macs, best->speedup);
}

std::string SslRuns::table() const {
  static const std::map<std::string, const char*> titles{{"filters", "Filters and channels of LeNet-5's convolutions (the paper's table 1)"},
                                                         {"shapes", "Filter shapes of LeNet-5's convolutions (table 2)"},
                                                         {"neurons", "Neurons of the MLP 784-500-300-10 (table 3)"}};
  std::string out;
  double worst = 0;
  for (const SslArm& arm : arms) {
    out += fmt::format("{}\n{:<12} {:<17} {:>7}  {:<18} {:>6} {:>7}  {}\n", titles.at(arm.name), "lambda", "left", "error %", "cut to", "MACs %", "speed", "MACs % by layer");
    for (std::size_t level = 0; level <= arm.lambdas.size(); ++level) {
      const Row& r = rows.at({level == 0 ? arm.net : arm.name, static_cast<std::int64_t>(level)});
      const std::string lambda = level == 0 ? "none" : fmt::format("{:g}", arm.lambdas[level - 1]), left = level == 0 ? left_of(arm.name, r.values) : r.left;
      if (r.collapsed) {
        out += fmt::format("{:<12} {:<17} {:>7.2f}  a layer has nothing left\n", lambda, left, r.error);
        continue;
      }
      std::string by_layer;
      for (const double share : r.macs_by_weight) by_layer += fmt::format("{}{:.1f}", by_layer.empty() ? "" : "-", 100 * share);
      out += fmt::format("{:<12} {:<17} {:>7.2f}  {:<18} {:>6.1f} {:>7}  {}\n", lambda, left, r.error, fmt::format("{}", fmt::join(r.widths, "-")), 100 * r.macs,
                         fmt::format("{:.2f}x", r.speedup), by_layer);
      worst = std::max(worst, r.cut_minus_masked);
    }
    for (const Published& p : published)
      if (p.arm == arm.name) out += fmt::format("{:<12} {:<17} {:>7}\n", "paper", p.left, fmt::format("   {}", p.rest));
    out += "\n";
  }
  return out + fmt::format("left: groups not at 0, in the paper's order; cut to: the units of the layers after surgery, which also takes what nobody reads\n"
                           "speed: measured forward passes of the cut network at batch 64 on one core; the dense network's time over its own\n"
                           "the cut networks' outputs differ from the trained ones' by at most {:.1e} of their size\n"
                           "[V] read in a later paper's table, [M] from memory: see the paper\n",
                           worst);
}

std::string SslRuns::summary_json() const {
  Summary s;
  for (const char* dense : {"lenet5", "mlp"}) s.put({"dense", dense, "error"}, rows.at({dense, 0}).error);
  for (const SslArm& arm : arms)
    for (std::size_t level = 1; level <= arm.lambdas.size(); ++level) {
      const Row& r = rows.at({arm.name, static_cast<std::int64_t>(level)});
      const std::string lambda = fmt::format("{:g}", arm.lambdas[level - 1]);
      s.put({"arms", arm.name, lambda, "error"}, r.error);
      s.put({"arms", arm.name, lambda, "left"}, r.left);
      const double nan = std::numeric_limits<double>::quiet_NaN();  // of a network of which a layer is gone
      s.put({"arms", arm.name, lambda, "cut_to"}, fmt::format("{}", fmt::join(r.widths, "-")));
      s.put({"arms", arm.name, lambda, "macs_ratio"}, r.collapsed ? nan : 1 / r.macs);
      s.put({"arms", arm.name, lambda, "speedup"}, r.collapsed ? nan : r.speedup);
      s.put({"arms", arm.name, lambda, "cut_minus_masked"}, r.collapsed ? nan : r.cut_minus_masked);
    }
  return s.json();
}

void SslRuns::show(const RunFolder& folder) const {
  draw(folder.file("figures"));
  const std::string source = " " + seeds + "; " + command;
  present(folder, {"Structured sparsity learning on MNIST",
                   {{"filters.svg", "The filters of LeNet-5's first layer, a row a network: what is blank is 0, as a whole filter or as a place in all of them." + source},
                    {"error.svg", finding() + ". Test error against the multiply-adds that are left." + source}},
                   table(),
                   summary_json()});
}

}  // namespace bonsai::experiments
