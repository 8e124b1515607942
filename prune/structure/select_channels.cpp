#include "prune/structure/select_channels.h"

#include <algorithm>
#include <cmath>

namespace bonsai::prune {
namespace {

// The layers that take part, as select.h wants them.
class Contest {
 public:
  Contest(const Channels& channels, const std::vector<double>& scores, const ChannelRequest& r) : channels_(channels), pruned_(channels.pruned()) {
    std::vector<const ChannelLayer*> alone;
    for (const std::string& name : r.leave) alone.push_back(&channels.layer(name));
    for (const ChannelLayer& l : channels.layers()) {
      if (std::ranges::find(alone, &l) != alone.end()) continue;
      Candidate c{l.name, empty({static_cast<std::int64_t>(l.units.size())}, DType::f64), ones({static_cast<std::int64_t>(l.units.size())}, DType::u8)};
      for (std::size_t i = 0; i < l.units.size(); ++i) {
        c.scores.mutable_data<double>()[i] = scores[l.units[i]];
        c.mask.mutable_data<std::uint8_t>()[i] = !pruned_[l.units[i]];
      }
      if (alive(c.mask) == 0) continue;
      layers_.push_back(&l);
      candidates_.push_back(c);
    }
  }

  static std::int64_t alive(const Tensor& mask) { return std::ranges::count(mask.data<std::uint8_t>(), 1); }
  std::int64_t alive() const {
    std::int64_t n = 0;
    for (const Candidate& c : candidates_) n += alive(c.mask);
    return n;
  }
  const std::vector<Candidate>& candidates() const { return candidates_; }

  // The units that go when counts[i] of layer i do. Of each one stays.
  ChannelChoice by_layer(const std::vector<std::int64_t>& counts) const {
    ChannelChoice choice{};
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const std::int64_t most = alive(candidates_[i].mask) - 1;
      if (counts[i] > most) spare(choice, i);
      take(choice, i, remove_lowest({candidates_[i]}, std::min(counts[i], most))[0]);
    }
    return measured(choice);
  }

  // The units that go when `count` of all do: where a layer would lose its last one, its best is kept, and another layer's goes instead.
  ChannelChoice together(std::int64_t count) const {
    std::vector<Candidate> contest = candidates_;
    const auto most = alive() - static_cast<std::int64_t>(contest.size());
    require(count <= most, "structure: {} of {} channels can't go, as each of {} layers keeps one; ask for at most {}", count, alive(), contest.size(), most);
    ChannelChoice choice{};
    for (;;) {
      const std::vector<Tensor> masks = contest.empty() ? std::vector<Tensor>{} : remove_lowest(contest, count);
      bool any = false;
      for (std::size_t i = 0; i < masks.size(); ++i) {
        if (alive(masks[i]) > 0 || alive(contest[i].mask) < alive(candidates_[i].mask)) continue;
        const Tensor best = remove_lowest({candidates_[i]}, alive(candidates_[i].mask) - 1)[0];
        contest[i].mask = clone(contest[i].mask);
        for (std::int64_t k = 0; k < best.numel(); ++k) contest[i].mask.mutable_data<std::uint8_t>()[k] &= !best.data<std::uint8_t>()[k];
        spare(choice, i);
        any = true;
      }
      if (any) continue;
      for (std::size_t i = 0; i < masks.size(); ++i) {
        Tensor left = clone(candidates_[i].mask);  // what the contest's mask does not show is kept
        for (std::int64_t k = 0; k < left.numel(); ++k)
          if (contest[i].mask.data<std::uint8_t>()[k] && !masks[i].data<std::uint8_t>()[k]) left.mutable_data<std::uint8_t>()[k] = 0;
        take(choice, i, left);
      }
      return measured(choice);
    }
  }

 private:
  void spare(ChannelChoice& c, std::size_t i) const {
    c.spared.push_back(fmt::format("layer \"{}\": the last of its {} channels was spared", candidates_[i].name, alive(candidates_[i].mask)));
  }
  void take(ChannelChoice& c, std::size_t i, const Tensor& left) const {
    for (std::int64_t k = 0; k < left.numel(); ++k)
      if (candidates_[i].mask.data<std::uint8_t>()[k] && !left.data<std::uint8_t>()[k]) c.units.push_back(layers_[i]->units[k]);
  }
  ChannelChoice measured(ChannelChoice c) const {
    std::ranges::sort(c.units);
    std::vector<char> goes = pruned_;
    const auto before = static_cast<double>(parameters_without(channels_, goes));
    for (const int u : c.units) goes[u] = 1;
    c.parameter_ratio = 1 - static_cast<double>(parameters_without(channels_, goes)) / before;
    c.channel_ratio = alive() == 0 ? 0 : static_cast<double>(c.units.size()) / static_cast<double>(alive());
    return c;
  }

  const Channels& channels_;
  std::vector<char> pruned_;
  std::vector<const ChannelLayer*> layers_;
  std::vector<Candidate> candidates_;
};

double checked(const char* what, double ratio) {
  require(ratio >= 0 && ratio < 1, "structure: the {} {} is not at least 0 and below 1{}", what, ratio,
          ratio > 1 && ratio < 100 ? fmt::format("; did you mean {}?", ratio / 100) : "");
  return ratio;
}

}  // namespace

std::int64_t parameters_without(const Channels& channels, const std::vector<char>& goes) {
  std::int64_t total = 0;
  for (const Placed& t : channels.tensors()) {
    if (!t.parameter) continue;
    std::int64_t size = 1;
    for (const auto& axis : t.unit) size *= std::ranges::count_if(axis, [&](int u) { return u < 0 || !goes[u]; });
    total += size;
  }
  return total;
}

ChannelChoice choose_channels(const Channels& channels, const std::vector<double>& scores, const ChannelRequest& r) {
  require(static_cast<int>(scores.size()) == channels.units(), "structure: {} scores for {} units", scores.size(), channels.units());
  require(r.channel_ratio.has_value() != r.parameter_ratio.has_value(), "structure: ask for a channel ratio or for a parameter ratio, one of them");
  const Contest contest(channels, scores, r);
  auto by_ratio = [&](double ratio) {
    std::vector<std::int64_t> counts;
    for (const Candidate& c : contest.candidates()) counts.push_back(count(ratio, Contest::alive(c.mask), "structure"));
    return contest.by_layer(counts);
  };
  if (r.channel_ratio) {
    const double ratio = checked("channel ratio", *r.channel_ratio);
    return r.scope == Scope::layer ? by_ratio(ratio) : contest.together(count(ratio, contest.alive(), "structure"));
  }

  const double ratio = checked("parameter ratio", *r.parameter_ratio);
  ChannelChoice most = r.scope == Scope::layer ? by_ratio(1) : contest.together(contest.alive() - static_cast<std::int64_t>(contest.candidates().size()));
  require(most.parameter_ratio >= ratio, "structure: with one channel kept in every layer {:.4f} of the parameters can go, not {}; ask for less, or leave fewer layers alone",
          most.parameter_ratio, ratio);
  // More units take more parameters, so the smallest request that is enough is found by halving.
  if (r.scope == Scope::global) {
    std::int64_t few = -1, enough = contest.alive() - static_cast<std::int64_t>(contest.candidates().size());
    while (enough - few > 1) {
      const std::int64_t middle = (few + enough) / 2;
      (contest.together(middle).parameter_ratio >= ratio ? enough : few) = middle;
    }
    return contest.together(enough);
  }
  double few = 0, enough = 1;
  if (by_ratio(0).parameter_ratio >= ratio) return by_ratio(0);
  for (int i = 0; i < 40; ++i) {
    const double middle = (few + enough) / 2;
    (by_ratio(middle).parameter_ratio >= ratio ? enough : few) = middle;
  }
  return by_ratio(enough);
}

}  // namespace bonsai::prune
