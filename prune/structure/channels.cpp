#include "prune/structure/channels.h"

#include <algorithm>
#include <set>

namespace bonsai::prune {
namespace {

// What a module computes with, as leaves of a graph: buffers too, for the length of a scope.
class Recorded {
 public:
  explicit Recorded(nn::Module& net) : net_(net), mode_(net), on_(false) {
    for (auto& [name, b] : net.buffers()) {
      before_.push_back(*b);
      *b = b->detach();
      if (is_floating(b->dtype())) b->requires_grad(true);
    }
    for (nn::Parameter* p : net.parameters())
      if (p->is_packed()) packed_.push_back(p), p->unpack();
  }
  ~Recorded() {
    std::size_t i = 0;
    for (auto& [name, b] : net_.buffers()) *b = before_[i++];
    for (nn::Parameter* p : packed_) p->pack();
  }
  Recorded(const Recorded&) = delete;

 private:
  nn::Module& net_;
  nn::Evaluating mode_;
  NoGrad on_;
  std::vector<Tensor> before_;
  std::vector<nn::Parameter*> packed_;
};

bool only_moved(const Tensor& x) {
  if (!x.node()) return false;
  const std::string_view op = x.node()->op;
  return op == "reshape" || op == "permute";
}

}  // namespace

Channels::Channels(nn::Module& net, const Tensor& inputs) : trace_({}) {
  require(inputs.defined() && inputs.rank() > 0 && inputs.size(0) > 0, "structure: needs an example to record a forward pass of; pass inputs (n, ...)");
  const Recorded scope(net);
  std::vector<Tensor> leaves;
  for (nn::Parameter* p : net.parameters()) tensors_.push_back({p->name(), p, nullptr, {}, {}}), leaves.push_back(p->leaf());
  for (auto& [name, b] : net.buffers()) tensors_.push_back({name, nullptr, b, {}, {}}), leaves.push_back(*b);
  outputs_ = net(inputs);
  trace_ = Trace(outputs_);
  AxisLabels of_inputs = trace_.fresh(inputs.shape());
  of_inputs[0].clear();
  for (const auto& axis : of_inputs) trace_.fix(axis, "it is the network's input");
  trace_.begin(inputs, of_inputs);
  for (const Tensor& leaf : leaves) trace_.begin(leaf, trace_.fresh(leaf.shape()));
  trace_.walk();

  for (std::size_t i = 0; i < leaves.size(); ++i) {
    tensors_[i].reads.assign(leaves[i].rank(), 0);
    for (const Reading& r : trace_.readings())
      if (r.weight.defined() && r.weight.body() == leaves[i].body()) tensors_[i].reads[r.weight_axis] = 1;
  }
  number(leaves);
  find_layers();
  find_activations();
}

// A unit is a label that can go and that some weight makes.
void Channels::number(const std::vector<Tensor>& leaves) {
  for (std::size_t i = 0; i < leaves.size(); ++i)
    for (int a = 0; a < leaves[i].rank() && leaves[i].rank() >= 2 && tensors_[i].parameter; ++a)
      if (!trace_.met(leaves[i])) staying_.emplace(tensors_[i].name, "the outputs do not depend on it");
      else if (!tensors_[i].reads[a])
        for (const Label l : trace_.of(leaves[i])[a]) {
          if (trace_.why_fixed(l)) staying_.emplace(tensors_[i].name, trace_.why_fixed(l));
          else if (unit_of_root_.emplace(trace_.root(l), units_).second) ++units_;
        }
  for (const Pointing& p : trace_.pointings())
    for (std::size_t i = 0; i < leaves.size(); ++i)
      if (leaves[i].body() == p.indices.body()) index_buffers_.emplace_back(tensors_[i].buffer, units_along(p.at, p.axis));
  for (std::size_t i = 0; i < leaves.size(); ++i)
    for (int a = 0; a < leaves[i].rank(); ++a) tensors_[i].unit.push_back(units_along(leaves[i], a));
}

std::vector<int> Channels::units_along(const Tensor& t, int axis) const {
  std::vector<int> units(t.size(axis), -1);
  const auto& labels = trace_.of(t)[axis];
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] != no_channel)
      if (const auto it = unit_of_root_.find(trace_.root(labels[i])); it != unit_of_root_.end()) units[i] = it->second;
  return units;
}

void Channels::find_layers() {
  std::vector<std::vector<int>> makers(units_);  // of each unit, the weights that make it
  for (std::size_t i = 0; i < tensors_.size(); ++i)
    if (const Placed& t = tensors_[i]; t.parameter && t.unit.size() >= 2)
      for (std::size_t a = 0; a < t.unit.size(); ++a)
        for (const int u : t.unit[a])
          if (u >= 0 && !t.reads[a] && (makers[u].empty() || makers[u].back() != static_cast<int>(i))) makers[u].push_back(static_cast<int>(i));
  std::map<std::vector<int>, std::size_t> of_makers;
  for (int u = 0; u < units_; ++u) {
    const auto [it, is_new] = of_makers.emplace(makers[u], layers_.size());
    if (is_new) layers_.push_back({.name = tensors_[makers[u][0]].name, .units = {}, .weights = makers[u], .activations = {}});
    layers_[it->second].units.push_back(u);  // (units are numbered in their first weight's order)
  }
}

void Channels::find_activations() {
  std::set<const TensorBody*> met;
  for (const Reading& r : trace_.readings()) {
    const std::vector<int> read = units_along(r.x, r.axis);
    if (std::ranges::all_of(read, [](int u) { return u < 0; })) continue;
    Tensor x = r.x;
    while (only_moved(x)) x = x.node()->inputs[0];
    if (!met.insert(x.body()).second) continue;
    for (int a = 1; a < x.rank(); ++a) {
      const std::vector<int> units = units_along(x, a);
      if (std::ranges::all_of(units, [](int u) { return u < 0; })) continue;
      const std::set<int> here(units.begin(), units.end());
      for (ChannelLayer& l : layers_)
        if (here.contains(l.units[0])) l.activations.push_back(static_cast<int>(activations_.size()));
      activations_.push_back({x, a, units});
      break;
    }
  }
}

const ChannelLayer& Channels::layer(const std::string& weight) const {
  const Placed& t = tensor(weight);
  for (const ChannelLayer& l : layers_)
    for (const int w : l.weights)
      if (&tensors_[w] == &t) return l;
  const auto why = staying_.find(weight);
  fail("structure: the channels of \"{}\" stay: {}", weight, why == staying_.end() ? "it makes none" : why->second);
}

const Placed& Channels::tensor(const std::string& name) const {
  std::string known;
  for (const Placed& t : tensors_) {
    if (t.name == name) return t;
    known += " " + t.name;
  }
  fail("structure: no tensor \"{}\"; this network has{}", name, known);
}

namespace {

// Of each place along an axis of a parameter: has it an entry that no mask prunes?
std::vector<char> alive_places(const Placed& t, int axis) {
  const Tensor mask = t.parameter->dense_mask();
  const std::int64_t size = t.parameter->shape()[axis], step = contiguous_strides(t.parameter->shape())[axis];
  std::vector<char> alive(size, mask.defined() ? 0 : 1);
  for (std::int64_t i = 0; mask.defined() && i < mask.numel(); ++i) alive[i / step % size] |= mask.data<std::uint8_t>()[i];
  return alive;
}

}  // namespace

std::vector<char> Channels::pruned(bool weights_only) const {
  std::vector<char> gone(units_, 1);
  for (const Placed& t : tensors_) {
    if (!t.parameter || (weights_only && t.unit.size() < 2)) continue;
    for (int a = 0; a < static_cast<int>(t.unit.size()); ++a) {
      if (t.reads[a]) continue;
      const std::vector<char> alive = alive_places(t, a);
      for (std::size_t i = 0; i < alive.size(); ++i)
        if (t.unit[a][i] >= 0 && alive[i]) gone[t.unit[a][i]] = 0;
    }
  }
  return gone;
}

std::vector<std::string> Channels::held_back() const {
  const std::vector<char> gone = pruned();
  std::vector<std::string> all;
  for (const Placed& t : tensors_) {
    if (!t.parameter || t.unit.size() < 2 || t.reads[0]) continue;
    const std::vector<char> alive = alive_places(t, 0);
    std::int64_t held = 0;
    for (std::size_t i = 0; i < alive.size(); ++i) held += !alive[i] && t.unit[0][i] >= 0 && !gone[t.unit[0][i]];
    if (held > 0)
      all.push_back(fmt::format("\"{}\": {} of its rows are pruned and stay, because what only goes with them is not pruned (a bias, a BatchNorm, another layer of a sum, another group)",
                                t.name, held));
  }
  return all;
}

std::vector<int> units_of(const Channels& channels, const std::string& weight, const std::vector<std::int64_t>& rows) {
  const Placed& t = channels.tensor(weight);
  channels.layer(weight);  // (refuses, with the reason, where its rows stay)
  const std::vector<int>& unit = t.unit[0];
  std::set<int> wanted;
  for (const std::int64_t r : rows) {
    require(r >= 0 && r < static_cast<std::int64_t>(unit.size()), "structure: \"{}\" has no row {}; it has {}", weight, r, unit.size());
    require(unit[r] >= 0, "structure: row {} of \"{}\" stays", r, weight);
    wanted.insert(unit[r]);
  }
  for (std::size_t i = 0; i < unit.size(); ++i)
    if (wanted.contains(unit[i]) && std::ranges::find(rows, static_cast<std::int64_t>(i)) == rows.end()) {
      const auto with = std::ranges::find_if(rows, [&](std::int64_t r) { return unit[r] == unit[i]; });
      fail("structure: row {} of \"{}\" only goes together with row {} ({} rows a unit: groups or a head); ask for both or neither", *with, weight, i,
           std::ranges::count(unit, unit[i]));
    }
  return {wanted.begin(), wanted.end()};
}

void mask_units(const Channels& channels, const std::vector<int>& units) {
  std::vector<char> goes(channels.units(), 0);
  for (const int u : units) {
    require(u >= 0 && u < channels.units(), "structure: there is no unit {}; there are {}", u, channels.units());
    goes[u] = 1;
  }
  std::vector<std::pair<nn::Parameter*, Tensor>> masks;
  for (const Placed& t : channels.tensors()) {
    if (!t.parameter) continue;
    Tensor mask;
    const Shape strides = contiguous_strides(t.parameter->shape());
    for (int a = 0; a < static_cast<int>(t.unit.size()); ++a) {
      if (t.reads[a] || std::ranges::none_of(t.unit[a], [&](int u) { return u >= 0 && goes[u]; })) continue;
      require(!t.parameter->is_packed(), "structure: \"{}\" is packed, and its mask fixed; unpack() it first", t.name);
      if (!mask.defined()) mask = t.parameter->is_masked() ? clone(t.parameter->mask()) : ones(t.parameter->shape(), DType::u8);
      const auto entries = mask.mutable_data<std::uint8_t>();
      for (std::size_t i = 0; i < entries.size(); ++i)
        if (const int u = t.unit[a][static_cast<std::int64_t>(i) / strides[a] % static_cast<std::int64_t>(t.unit[a].size())]; u >= 0 && goes[u]) entries[i] = 0;
    }
    if (mask.defined()) masks.emplace_back(t.parameter, mask);
  }
  for (auto& [p, mask] : masks) p->set_mask(mask);
}

}  // namespace bonsai::prune
