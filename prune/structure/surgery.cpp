#include "prune/structure/surgery.h"

#include <algorithm>
#include <cmath>

namespace bonsai::prune {
namespace {

// What a product adds up from channels that go, in f64 (examples first); zeros where they are 0, as they are behind most activations.
Tensor contribution(const Reading& r, const std::vector<int>& units, const std::vector<char>& goes) {
  Shape along;
  for (int a = 0; a < r.x.rank(); ++a) along.push_back(a == r.axis ? r.x.size(a) : 1);
  std::vector<double> gone;
  for (const int u : units) gone.push_back(u >= 0 && goes[u]);
  const Tensor x = cast(r.x.detach(), DType::f64) * reshape(tensor(std::span<const double>(gone), {r.x.size(r.axis)}), along);
  if (min(x).item() == 0 && max(x).item() == 0) return {};
  const std::string_view op = r.y.node()->op;
  const Tensors& operands = r.y.node()->inputs;
  if (op == "linear") return linear(x, cast(operands[1].detach(), DType::f64));
  if (op == "conv2d") return conv2d(x, cast(operands[1].detach(), DType::f64), {}, std::get<Window>(r.y.node()->attributes));
  return x;  // no constant that anything could take up
}

struct Fold {
  nn::Parameter* bias;
  Tensor by;  // (out) f64
};

// The constants that biases have to take up. Refuses where what goes is no constant, or there is no bias.
std::vector<Fold> folds(const Channels& channels, const std::vector<char>& goes) {
  std::vector<Fold> all;
  for (const Reading& r : channels.readings()) {
    const Tensor c = contribution(r, channels.units_along(r.x, r.axis), goes);
    if (!c.defined()) continue;
    const Placed *weight = nullptr, *bias = nullptr;
    for (const Placed& t : channels.tensors()) {
      if (t.parameter && r.weight.defined() && t.parameter->leaf().body() == r.weight.body()) weight = &t;
      if (t.parameter && r.bias.defined() && t.parameter->leaf().body() == r.bias.body()) bias = &t;
    }
    require(weight && r.y.node()->op != std::string_view("matmul"),
            "surgery: a channel that is pruned is not 0 where {} {} reads it, and no bias can take up what it adds; leave it, or use an activation with f(0) = 0",
            r.y.node()->op, r.y.shape());
    Shape others;  // all axes but the outputs'
    for (int a = 0; a < c.rank(); ++a)
      if (a != 1) others.push_back(a);
    const Tensor low = min(c, others), high = max(c, others);
    for (std::int64_t o = 0; o < low.numel(); ++o)
      require(high.at(o) - low.at(o) <= 1e-6 * std::max(std::abs(high.at(o)), std::abs(low.at(o))),
              "surgery: \"{}\" reads a pruned channel that its activation makes a constant, not 0, and adds from {:.3g} to {:.3g} of it, depending on the place (its padding?); "
              "this can't be cut exactly: prune another, or use an activation with f(0) = 0",
              weight->name, low.at(o), high.at(o));
    require(bias, "surgery: \"{}\" reads a pruned channel that its activation makes a constant, not 0, and has no bias to take it up; give it one, or use an activation with f(0) = 0",
            weight->name);
    all.push_back({bias->parameter, high});
  }
  return all;
}

// Everything as it was when this was made.
class Before {
 public:
  explicit Before(nn::Module& net) : net_(net) {
    for (const nn::Parameter* p : net.parameters()) parameters_.push_back(*p), values_.push_back(clone(p->leaf().detach()));
    for (auto& [name, b] : net.buffers()) buffers_.push_back(*b);
  }
  void restore() {
    std::size_t i = 0;
    for (nn::Parameter* p : net_.parameters()) {
      *p = parameters_[i];
      copy_into(p->leaf(), values_[i++]);
    }
    i = 0;
    for (auto& [name, b] : net_.buffers()) *b = buffers_[i++];
  }

 private:
  nn::Module& net_;
  std::vector<nn::Parameter> parameters_;
  std::vector<Tensor> values_, buffers_;
};

std::vector<std::int64_t> kept_places(const std::vector<int>& unit, const std::vector<char>& goes) {
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < unit.size(); ++i)
    if (unit[i] < 0 || !goes[unit[i]]) kept.push_back(static_cast<std::int64_t>(i));
  return kept;
}

Tensor indices(const std::vector<std::int64_t>& places) { return tensor(std::span(places), {static_cast<std::int64_t>(places.size())}); }

// Buffers of indices say at which place of another axis each of their own lies; the places that stay are counted anew.
void renumber(const Channels& channels, const std::vector<char>& goes, std::vector<std::pair<Tensor*, Tensor>>& numbers) {
  for (const auto& [buffer, units] : channels.index_buffers()) {
    std::vector<std::int64_t> place_of(units.size()), kept;
    std::int64_t next = 0;
    for (std::size_t i = 0; i < units.size(); ++i) place_of[i] = next, next += units[i] < 0 || !goes[units[i]];
    const auto old = buffer->data<std::int64_t>();
    for (const std::int64_t i : old)
      if (units[i] < 0 || !goes[units[i]]) kept.push_back(place_of[i]);
    numbers.emplace_back(buffer, indices(kept));
  }
}

}  // namespace

double relative_distance(const Tensor& a, const Tensor& b) {
  auto norm = [](const Tensor& x) { return std::sqrt(sum(x * x).item()); };
  const Tensor x = cast(a.detach(), DType::f64), y = cast(b.detach(), DType::f64);
  const double difference = norm(x - y), size = norm(y);
  return difference == 0 ? 0 : difference / size;
}

CutResult cut(nn::Module& net, const Tensor& inputs) {
  const Channels channels(net, inputs);
  NoGrad off;
  const std::vector<char> goes = channels.pruned();
  for (const ChannelLayer& l : channels.layers())
    require(std::ranges::any_of(l.units, [&](int u) { return !goes[u]; }), "surgery: all {} channels of \"{}\" are pruned, and nothing would be left of it; keep one", l.units.size(),
            l.name);
  CutResult result;
  result.units = static_cast<int>(std::ranges::count(goes, 1));
  result.held = channels.held_back();
  if (result.units == 0) return result;
  const std::vector<Fold> constants = folds(channels, goes);

  Before before(net);
  try {
    for (const Fold& f : constants) {  // in place, before the bias itself is cut
      f.bias->set(cast(f.bias->leaf().detach(), DType::f64) + f.by);
      result.folded.push_back(f.bias->name());
    }
    std::vector<std::pair<Tensor*, Tensor>> numbers;
    renumber(channels, goes, numbers);
    for (const Placed& t : channels.tensors())
      for (int a = 0; a < static_cast<int>(t.unit.size()); ++a) {
        const std::vector<std::int64_t> kept = kept_places(t.unit[a], goes);
        if (kept.size() == t.unit[a].size()) continue;
        if (t.parameter) {
          const std::int64_t size = t.parameter->numel();
          t.parameter->cut(a, kept);
          result.parameters += size - t.parameter->numel();
        } else {
          *t.buffer = index_select(*t.buffer, indices(kept), a);
        }
      }
    for (auto& [buffer, value] : numbers) *buffer = value;
    const nn::Evaluating mode(net);
    result.cut_minus_masked = relative_distance(net(inputs), channels.outputs());  // (cut.1)
    require(result.cut_minus_masked <= 1e-3, "surgery: the cut network computes something else (by {:.2g} of its outputs' size); does a layer hold sizes apart from its parameters?",
            result.cut_minus_masked);
  } catch (...) {
    before.restore();
    throw;
  }
  return result;
}

}  // namespace bonsai::prune
