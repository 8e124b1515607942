#include "prune/nm/permute_network.h"

#include <map>
#include <set>

#include "prune/before.h"
#include "prune/recovery/rewind.h"
#include "prune/structure/surgery.h"

namespace bonsai::prune {
namespace {

// Where a layer's units lie along one axis: places[u] of unit number u of the layer, in their order. Empty: nowhere.
std::vector<std::vector<std::int64_t>> places(const std::vector<int>& unit, const std::map<int, std::size_t>& number) {
  std::vector<std::vector<std::int64_t>> at(number.size());
  bool any = false;
  for (std::size_t i = 0; i < unit.size(); ++i)
    if (const auto n = number.find(unit[i]); n != number.end()) at[n->second].push_back(static_cast<std::int64_t>(i)), any = true;
  if (!any) at.clear();
  return at;
}

Tensor moved(const Tensor& t, int axis, const std::vector<std::vector<std::int64_t>>& at, const Order& order) {
  std::vector<std::int64_t> from(t.size(axis));
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::int64_t>(i);
  for (std::size_t u = 0; u < at.size(); ++u)
    for (std::size_t k = 0; k < at[u].size(); ++k) from[at[u][k]] = at[order[u]][k];
  return index_select(t.detach(), tensor(std::span<const std::int64_t>(from), {t.size(axis)}), axis);
}

// |w| of a reading weight with the layer's channels as columns, in the order in which it has them; undefined when each is not one column.
Tensor as_columns(const nn::Parameter& p, int axis, const std::vector<std::vector<std::int64_t>>& at) {
  if (axis != 1 || static_cast<std::int64_t>(at.size()) != p.shape()[1]) return {};
  for (std::size_t u = 0; u < at.size(); ++u)
    if (at[u] != std::vector<std::int64_t>{static_cast<std::int64_t>(u)}) return {};
  const Tensor w = abs(p.dense_values().detach());
  if (w.rank() == 2) return w;
  const std::int64_t out = w.size(0), in = w.size(1);
  return reshape(permute(reshape(w, {out, in, w.numel() / (out * in)}), {0, 2, 1}), {w.numel() / in, in});
}

}  // namespace

std::vector<Permuted> permute_channels(nn::Module& net, const Tensor& inputs, NM p, const Random& random, double tolerance) {
  for (const nn::Parameter* q : net.parameters())
    require(!q->is_packed() && !q->soft_mask().defined(), "permute: \"{}\" is {}; permute channels before", q->name(), q->is_packed() ? "packed" : "softly masked");
  const Channels channels(net, inputs);
  NoGrad off;
  std::set<int> pointed_at;
  for (const auto& [buffer, units] : channels.index_buffers()) pointed_at.insert(units.begin(), units.end());
  const Before before(net.parameters());
  const std::vector<Tensor> buffers = snapshot_buffers(net);
  std::vector<Permuted> report;
  for (const ChannelLayer& layer : channels.layers()) {
    std::map<int, std::size_t> number;
    bool stays = false;
    for (const int u : layer.units) number.emplace(u, number.size()), stays |= pointed_at.contains(u);
    if (stays) continue;
    Permuted done{layer.name, {}, 0, 0};
    Tensors columns;
    bool alike = true;  // has every unit as many places as the others, wherever it has any?
    for (const Placed& t : channels.tensors())
      for (std::size_t axis = 0; axis < t.unit.size(); ++axis) {
        const auto at = places(t.unit[axis], number);
        for (const auto& some : at) alike &= some.size() == at[0].size();
        if (at.empty() || !t.parameter || !t.reads[axis] || !nm_refusal(t.parameter->shape(), p).empty()) continue;
        if (const Tensor c = as_columns(*t.parameter, static_cast<int>(axis), at); c.defined()) columns.push_back(c), done.reads.push_back(t.name);
      }
    if (columns.empty() || !alike) continue;
    const Tensor scores = concat(columns, 0);
    const double all = sum(cast(scores, DType::f64)).item();
    const Order now = as_they_are(scores.size(1)), order = best_order(scores, p, random.derive(layer.name));
    done.before = all > 0 ? kept_score(scores, p, now) / all : 1;
    done.after = all > 0 ? kept_score(scores, p, order) / all : 1;
    for (const Placed& t : channels.tensors())
      for (std::size_t axis = 0; axis < t.unit.size() && order != now; ++axis) {
        const auto at = places(t.unit[axis], number);
        if (at.empty()) continue;
        const int a = static_cast<int>(axis);
        if (t.buffer) *t.buffer = moved(*t.buffer, a, at, order);
        else {
          const Tensor values = moved(t.parameter->dense_values(), a, at, order);
          if (t.parameter->is_masked()) t.parameter->set_mask(moved(t.parameter->mask(), a, at, order));
          t.parameter->set(values);
        }
      }
    report.push_back(std::move(done));
  }
  const nn::Evaluating mode(net);
  const double difference = relative_distance(net(inputs), channels.outputs().detach());
  if (!(difference <= tolerance)) {
    before.restore();
    set_buffers(net, buffers);
    fail("permute: the network computes something else with its channels in another order (relative difference {:.1e}); it must look at their order where the graph does not show it",
         difference);
  }
  return report;
}

}  // namespace bonsai::prune
