#include "prune/interface.h"

#include <algorithm>

#include "prune/scores/channel_norm.h"
#include "prune/scores/magnitude.h"
#include "prune/scores/random.h"
#include "prune/select.h"
#include "prune/warning.h"

namespace bonsai::prune {
namespace {

using Parameters = std::vector<nn::Parameter*>;

std::string named(const char* call, const nn::Parameter& p) { return fmt::format("{} \"{}\"", call, p.name()); }

// The hard mask, and what it keeps: a soft one (of which Parameter::kept() knows too) goes its own way.
Tensor mask_of(const nn::Parameter& p) { return p.is_masked() ? clone(p.mask()) : ones(p.shape(), DType::u8); }
std::int64_t kept(const Tensor& mask) { return std::ranges::count(mask.data<std::uint8_t>(), 1); }
std::int64_t remaining_in(const nn::Parameter& p) { return p.is_masked() ? kept(p.mask()) : p.numel(); }

// The end of every call: nothing has been changed so far. A warning may throw, so all are given before the first mask is set.
void set_masks(const char* call, const Parameters& parameters, const std::vector<Tensor>& masks) {
  for (std::size_t i = 0; i < masks.size(); ++i)
    if (remaining_in(*parameters[i]) > 0 && kept(masks[i]) == 0)
      warn(fmt::format("warning: {} {} leaves no weight at all", named(call, *parameters[i]), parameters[i]->shape()));
  for (std::size_t i = 0; i < masks.size(); ++i) parameters[i]->set_mask(masks[i]);
}

// What the entries of p are judged by, before norms are taken.
const Tensor& judged(const char* call, const nn::Parameter& p, const Tensor& importance) {
  if (!importance.defined()) return p.leaf();
  require(importance.shape() == p.shape() && is_floating(importance.dtype()),
          "{}: importance {} {} does not fit {}; it must be f32 or f64 of that shape", named(call, p), name(importance.dtype()), importance.shape(),
          p.shape());
  return importance;
}

// The lowest scores of all the parameters together.
void unstructured(const char* call, const std::string& who, const Parameters& parameters, std::vector<Tensor> scores, Amount amount) {
  const bool mixed = std::ranges::any_of(scores, [&](const Tensor& s) { return s.dtype() != scores[0].dtype(); });
  std::vector<Candidate> candidates;
  std::int64_t remaining = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    candidates.push_back({parameters[i]->name(), mixed ? cast(scores[i], DType::f64) : scores[i], parameters[i]->mask()});
    remaining += remaining_in(*parameters[i]);
  }
  set_masks(call, parameters, remove_lowest(candidates, amount.of(remaining, who, "entries")));
}

int channel_axis(const char* call, const nn::Parameter& p, int dim) {
  require(p.shape().rank() >= 2, "{}: {} has no channels; prune its single entries, or a parameter of two axes or more", named(call, p), p.shape());
  return normalize_axis(named(call, p).c_str(), dim, p.shape().rank());
}

// The channels along `axis` with the lowest scores (one a channel), among those that keep an entry.
void structured(const char* call, nn::Parameter& p, int axis, const Tensor& scores, Amount amount) {
  const std::int64_t channels = p.shape()[axis], step = contiguous_strides(p.shape())[axis];
  auto channel = [&](std::size_t entry) { return static_cast<std::int64_t>(entry) / step % channels; };
  Tensor mask = mask_of(p), alive = zeros({channels}, DType::u8);
  const auto entries = mask.mutable_data<std::uint8_t>();
  const auto any = alive.mutable_data<std::uint8_t>();
  for (std::size_t i = 0; i < entries.size(); ++i) any[channel(i)] |= entries[i];

  const std::string units = fmt::format("channels of axis {}", axis);
  const std::int64_t number = amount.of(kept(alive), named(call, p), units);
  const Tensor left = remove_lowest({{fmt::format("{}: {}", p.name(), units), scores, alive}}, number)[0];
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i] &= left.data<std::uint8_t>()[channel(i)];
  set_masks(call, {&p}, {mask});
}

void check_global(const Parameters& parameters) {
  require(!parameters.empty(), "global_unstructured: no parameters were given");
  for (const nn::Parameter* p : parameters)
    require(std::ranges::count(parameters, p) == 1, "{}: it was given twice, and would count twice", named("global_unstructured", *p));
}

}  // namespace

std::int64_t Amount::of(std::int64_t remaining, const std::string& who, const std::string& units) const {
  if (!whole_) return count(fraction_, remaining, who);
  require(number_ >= 0, "{}: cannot remove {} {}; give a number of them, or a fraction like 0.3", who, number_, units);
  require(number_ <= remaining, "{}: cannot remove {} of the {} {} that remain", who, number_, remaining, units);
  return number_;
}

void l1_unstructured(nn::Parameter& p, Amount amount, const Tensor& importance) {
  constexpr const char* call = "l1_unstructured";
  unstructured(call, named(call, p), {&p}, {magnitude(judged(call, p, importance))}, amount);
}

void random_unstructured(nn::Parameter& p, Amount amount, const Random& random) {
  constexpr const char* call = "random_unstructured";
  unstructured(call, named(call, p), {&p}, {random_scores(p.leaf(), random.derive(p.name()))}, amount);
}

void ln_structured(nn::Parameter& p, Amount amount, double n, int dim, const Tensor& importance) {
  constexpr const char* call = "ln_structured";
  const int axis = channel_axis(call, p, dim);
  require(!std::isnan(n), "{}: n is NaN; take 1, 2, another number or an infinity", named(call, p));
  structured(call, p, axis, channel_norm(judged(call, p, importance), n, axis), amount);
}

void random_structured(nn::Parameter& p, Amount amount, int dim, const Random& random) {
  constexpr const char* call = "random_structured";
  const int axis = channel_axis(call, p, dim);
  structured(call, p, axis, random_scores(empty({p.shape()[axis]}), random.derive(p.name()).derive("channels")), amount);
}

void global_unstructured(const Parameters& parameters, Amount amount, const std::vector<Tensor>& importance) {
  constexpr const char* call = "global_unstructured";
  check_global(parameters);
  require(importance.empty() || importance.size() == parameters.size(),
          "{}: {} tensors of importance for {} parameters; give one each, undefined for |w|", call, importance.size(), parameters.size());
  std::vector<Tensor> scores;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    scores.push_back(magnitude(judged(call, *parameters[i], importance.empty() ? Tensor() : importance[i])));
  unstructured(call, call, parameters, std::move(scores), amount);
}

void global_unstructured(const Parameters& parameters, Amount amount, const Random& random) {
  constexpr const char* call = "global_unstructured";
  check_global(parameters);
  std::vector<Tensor> scores;
  for (const nn::Parameter* p : parameters) scores.push_back(random_scores(p->leaf(), random.derive(p->name())));
  unstructured(call, call, parameters, std::move(scores), amount);
}

void custom_from_mask(nn::Parameter& p, const Tensor& mask) {
  constexpr const char* call = "custom_from_mask";
  require(mask.shape() == p.shape(), "{}: mask {} does not fit {}", named(call, p), mask.shape(), p.shape());
  const Tensor given = cast(mask.detach(), DType::f64);
  Tensor both = mask_of(p);
  const auto entries = both.mutable_data<std::uint8_t>();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const double m = given.data<double>()[i];
    if (m != 0 && m != 1) fail("{}: the mask is {} at index {}; only 0 and 1 mean something", named(call, p), m, i);
    entries[i] &= m == 1;
  }
  set_masks(call, {&p}, {both});
}

void identity(nn::Parameter& p) { p.set_mask(mask_of(p)); }

void remove(nn::Parameter& p) {
  require(p.is_masked(), "{}: it is not pruned, so there is no mask to make permanent", named("remove", p));
  p.clear_mask();  // the entries are 0 already
}

bool is_pruned(nn::Module& net) {
  return std::ranges::any_of(net.parameters(), [](const nn::Parameter* p) { return is_pruned(*p); });
}

}  // namespace bonsai::prune
