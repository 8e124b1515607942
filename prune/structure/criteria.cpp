#include "prune/structure/criteria.h"

#include <algorithm>
#include <functional>

#include "prune/scores/activation_statistics.h"
#include "prune/scores/bn_gamma.h"
#include "prune/scores/channel_norm.h"
#include "prune/scores/channel_taylor.h"
#include "prune/scores/fpgm.h"

namespace bonsai::prune {
namespace {

using Scores = std::vector<double>;

// The mean over several answers about each unit.
class Means {
 public:
  explicit Means(int units) : sums_(units, 0), counts_(units, 0) {}
  void add(int unit, double score) { sums_[unit] += score, ++counts_[unit]; }
  Scores result(const char* criterion, const Channels& channels) const {
    Scores means = sums_;
    for (const ChannelLayer& l : channels.layers())
      for (const int u : l.units) {
        require(counts_[u] > 0, "criterion \"{}\": it has nothing to say about the channels of \"{}\"", criterion, l.name);
        means[u] /= counts_[u];
      }
    return means;
  }

 private:
  Scores sums_;
  std::vector<int> counts_;
};

Tensor one_example(const ChannelInputs& in) {
  require(in.inputs.defined() && in.inputs.rank() > 0 && in.inputs.size(0) > 0, "structure: needs an example to record a forward pass of; pass inputs (n, ...)");
  return slice(in.inputs, 0, 0, 1);
}

// A score of the weights that make units: of axis 0, or of whatever axis makes them (an embedding's columns), turned to be the first.
Scores of_weights(const char* criterion, const ChannelInputs& in, const std::function<Tensor(const Tensor& w, const Tensor& alive)>& score) {
  const Channels channels(in.net, one_example(in));
  const std::vector<char> pruned = channels.pruned();
  Means means(channels.units());
  for (const Placed& t : channels.tensors())
    for (int a = 0; t.parameter && t.unit.size() >= 2 && a < static_cast<int>(t.unit.size()); ++a) {
      const auto& unit = t.unit[a];
      if (t.reads[a] || std::ranges::all_of(unit, [](int u) { return u < 0; })) continue;
      Tensor alive = ones({static_cast<std::int64_t>(unit.size())}, DType::u8);
      for (std::size_t i = 0; i < unit.size(); ++i) alive.mutable_data<std::uint8_t>()[i] = unit[i] < 0 || !pruned[unit[i]];
      const Tensor w = t.parameter->dense_values(), s = score(a == 0 ? w : transpose(w, 0, a), alive);
      for (std::size_t i = 0; i < unit.size(); ++i)
        if (unit[i] >= 0) means.add(unit[i], s.at(static_cast<std::int64_t>(i)));
    }
  return means.result(criterion, channels);
}

// Units of an activation that have equally many places along its axis (all of them, but where groups and concatenations meet), and how to see
// them as (n, units, ...), with all places of a unit side by side.
struct SameSize {
  int activation;
  std::vector<int> units;
  std::vector<std::int64_t> order;  // the places, unit by unit
  Tensor arranged(const Tensor& x, int axis, std::int64_t n) const {
    const auto places = static_cast<std::int64_t>(order.size()), count = static_cast<std::int64_t>(units.size());
    std::int64_t before = 1, after = 1;
    for (int a = 0; a < x.rank(); ++a)
      if (a != axis) (a < axis ? before : after) *= x.size(a);  // (the n examples come first in whatever axis 0 is)
    const Tensor chosen = reshape(index_select(x.detach(), tensor(std::span(order), {places}), axis), {n, before / n, places, after});
    const Tensor y = permute(chosen, {0, 2, 1, 3});
    return reshape(y, {n, count, y.numel() / n / count});
  }
};

std::vector<SameSize> by_size(const Channels& channels) {
  std::vector<SameSize> all;
  for (std::size_t k = 0; k < channels.activations().size(); ++k) {
    std::map<int, std::vector<std::int64_t>> places;
    const std::vector<int>& unit = channels.activations()[k].unit;
    for (std::size_t i = 0; i < unit.size(); ++i)
      if (unit[i] >= 0) places[unit[i]].push_back(static_cast<std::int64_t>(i));
    std::map<std::size_t, SameSize> sizes;
    for (const auto& [u, at] : places) {
      SameSize& s = sizes.try_emplace(at.size(), SameSize{static_cast<int>(k), {}, {}}).first->second;
      s.units.push_back(u);
      s.order.insert(s.order.end(), at.begin(), at.end());
    }
    for (auto& [size, s] : sizes) all.push_back(std::move(s));
  }
  return all;
}

// Batch by batch: what is read, and the gradient of the sum of the examples' losses with respect to it where one is wanted, to accumulators;
// at the end their answers, one a unit.
template <class Accumulator>
Scores of_activations(const char* criterion, const ChannelInputs& in, bool gradients, const std::function<void(Accumulator&, const Tensor& a, const Tensor& g)>& add,
                      const std::function<Tensor(const Accumulator&)>& scores) {
  const std::int64_t n = in.inputs.defined() && in.inputs.rank() > 0 ? in.inputs.size(0) : 0;
  require(n > 0 && in.batch > 0, "criterion \"{}\": needs examples to look at; pass ChannelInputs::inputs", criterion);
  require(!gradients || (in.labels.defined() && in.labels.numel() == n), "criterion \"{}\": needs a label for each of the {} examples; pass ChannelInputs::labels", criterion, n);
  const Channels structure(in.net, one_example(in));
  const std::vector<SameSize> parts = by_size(structure);
  std::vector<Accumulator> sums(parts.size());
  for (std::int64_t begin = 0; begin < n; begin += in.batch) {
    const std::int64_t end = std::min(n, begin + in.batch);
    const Channels channels(in.net, slice(in.inputs, 0, begin, end));
    Tensors read, by;
    for (const ReadActivation& a : channels.activations()) read.push_back(a.value);
    if (gradients) {
      NoGrad on(false);
      by = grad(sum(cross_entropy_each(channels.outputs(), slice(in.labels, 0, begin, end))), read);
    }
    NoGrad off;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const int which = parts[k].activation, axis = channels.activations()[which].axis;
      add(sums[k], parts[k].arranged(read[which], axis, end - begin), gradients ? parts[k].arranged(by[which], axis, end - begin) : Tensor{});
    }
  }
  Means means(structure.units());
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const Tensor s = scores(sums[k]);
    for (std::size_t i = 0; i < parts[k].units.size(); ++i) means.add(parts[k].units[i], s.at(static_cast<std::int64_t>(i)));
  }
  return means.result(criterion, structure);
}

Scores norms(const ChannelInputs& in, const char* name, double n) {
  return of_weights(name, in, [n](const Tensor& w, const Tensor&) { return channel_norm(w, n, 0); });
}

Scores random(const ChannelInputs& in) {
  Scores s(Channels(in.net, one_example(in)).units());
  Random stream = in.random;
  const Tensor drawn = stream.uniform({static_cast<std::int64_t>(s.size())}, 0, 1, DType::f64);
  for (std::size_t i = 0; i < s.size(); ++i) s[i] = drawn.at(static_cast<std::int64_t>(i));
  return s;
}

Scores taylor(const ChannelInputs& in) {
  return of_activations<ChannelTaylor>(
      "taylor", in, true, [](ChannelTaylor& t, const Tensor& a, const Tensor& g) { t.add(a, g); },
      [](const ChannelTaylor& t) { return l2_normalized(t.scores()); });
}

Scores statistics(const ChannelInputs& in, const char* name, Tensor (ActivationStatistics::*which)() const) {
  return of_activations<ActivationStatistics>(
      name, in, false, [](ActivationStatistics& s, const Tensor& a, const Tensor&) { s.add(a); },
      [which](const ActivationStatistics& s) { return (s.*which)(); });
}

// γ stands beside a running variance.
Scores gammas(const ChannelInputs& in) {
  const Channels channels(in.net, one_example(in));
  Means means(channels.units());
  const std::string beside = "running_var";
  for (const Placed& t : channels.tensors()) {
    if (!t.buffer || !t.name.ends_with(beside)) continue;
    const Placed& gamma = channels.tensor(t.name.substr(0, t.name.size() - beside.size()) + "weight");
    const Tensor s = bn_gamma(gamma.parameter->leaf());
    for (std::size_t i = 0; i < gamma.unit[0].size(); ++i)
      if (gamma.unit[0][i] >= 0) means.add(gamma.unit[0][i], s.at(static_cast<std::int64_t>(i)));
  }
  return means.result("bn-gamma", channels);
}

}  // namespace

const std::vector<ChannelCriterion>& channel_criteria() {
  static const std::vector<ChannelCriterion> table{
      {"random", "the control", "control", false, random},
      {"l1", "what is small can go", "Li et al., ICLR 2017", false, [](const ChannelInputs& in) { return norms(in, "l1", 1); }},
      {"l2", "what is small can go", "Li et al., ICLR 2017", false, [](const ChannelInputs& in) { return norms(in, "l2", 2); }},
      {"fpgm", "what the others can stand in for can go", "He et al., CVPR 2019", false,
       [](const ChannelInputs& in) { return of_weights("fpgm", in, [](const Tensor& w, const Tensor& alive) { return fpgm(w, alive); }); }},
      {"taylor", "what moves the loss little can go", "Molchanov et al., ICLR 2017", true, taylor},
      {"bn-gamma", "what its BatchNorm scales to nearly nothing can go", "Liu et al., ICCV 2017", false, gammas},
      {"apoz", "what is mostly silent can go", "Hu et al., 2016", true, [](const ChannelInputs& in) { return statistics(in, "apoz", &ActivationStatistics::activity); }},
      {"activation", "what says little can go", "Molchanov et al., ICLR 2017", true,
       [](const ChannelInputs& in) { return statistics(in, "activation", &ActivationStatistics::mean_size); }},
  };
  return table;
}

const ChannelCriterion& channel_criterion(const std::string& name) {
  std::string known;
  for (const ChannelCriterion& c : channel_criteria()) {
    if (c.name == name) return c;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", c.name);
  }
  fail("no criterion \"{}\" for channels; there are {}", name, known);
}

}  // namespace bonsai::prune
