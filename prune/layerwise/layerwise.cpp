#include "prune/layerwise/layerwise.h"

#include <algorithm>

#include "core/parallel.h"
#include "prune/before.h"
#include "prune/layerwise/obc.h"
#include "prune/layerwise/sparsegpt.h"
#include "prune/layerwise/wanda.h"
#include "prune/select.h"
#include "prune/structure/trace.h"
#include "prune/who_reads.h"

namespace bonsai::prune {
namespace {

// A mask alone: what stays is not moved.
Compensated unmoved(const Tensor& w, const Tensor& mask) { return {mask, where(mask, w, zeros_like(w))}; }

Compensated magnitude_layer(const std::string& name, const Tensor& w, const InputStatistics&, const LayerAmount& a, const Tensor& mask, const LayerwiseOptions&) {
  const Tensor scores = abs(w);
  if (a.pattern) return unmoved(w, nm_mask(name, scores, *a.pattern, mask));
  const std::int64_t gone = mask.defined() ? mask.numel() - static_cast<std::int64_t>(sum(mask).item()) : 0;
  return unmoved(w, remove_lowest({{name, scores, mask}}, std::max<std::int64_t>(0, count(a.sparsity, w.numel()) - gone))[0]);
}
Compensated wanda_layer(const std::string& name, const Tensor& w, const InputStatistics& x, const LayerAmount& a, const Tensor& mask, const LayerwiseOptions&) {
  return unmoved(w, keep_by_row(name, wanda_scores(w, x.norms()), a, mask));
}
Compensated sparsegpt_layer(const std::string& name, const Tensor& w, const InputStatistics& x, const LayerAmount& a, const Tensor& mask, const LayerwiseOptions& o) {
  return sparsegpt(name, w, x.second_moments(), a, {.damping = o.damping, .mask = mask});
}
Compensated obc_layer(const std::string& name, const Tensor& w, const InputStatistics& x, const LayerAmount& a, const Tensor& mask, const LayerwiseOptions& o) {
  if (contiguous_strides(w.shape())[0] > o.largest_exact) return sparsegpt_layer(name, w, x, a, mask, o);
  return obc(name, w, x.second_moments(), a, {.damping = o.damping, .mask = mask});
}

// f(y): every linear layer and convolution of a forward pass of these examples, from the inputs to the outputs.
template <class F>
void each_layer(nn::Module& net, const Tensor& inputs, F f) {
  NoGrad on(false);
  const Tensor outputs = net(inputs);
  const std::vector<Tensor> all = outputs_first(outputs);
  for (auto y = all.rbegin(); y != all.rend(); ++y)
    if (is(*y, {"linear", "conv2d"})) f(*y);
}
bool reads_with(const Tensor& y, const nn::Parameter& p) {
  const Tensor leaf = leaf_below(y.node()->inputs[1]);
  return leaf.defined() && leaf.body() == p.leaf().body();
}

// What a layer reads, a row a token.
Tensor tokens_of(const Tensor& y) {
  const Tensor x = y.node()->inputs[0].detach();
  if (is(y, {"linear"})) return x;
  const Shape& w = y.node()->inputs[1].shape();
  return unfold(x, w[2], w[3], std::get<Window>(y.node()->attributes));
}

void gather(const nn::Parameter& p, const Tensor& tokens, InputStatistics& x) try {
  x.add(tokens);
} catch (const Error& e) {
  fail("layerwise: \"{}\": {}", p.name(), e.what());
}

// The weights in the order in which the network uses them.
std::vector<nn::Parameter*> in_order(nn::Module& net, const std::vector<nn::Parameter*>& weights, const Tensor& example) {
  std::vector<nn::Parameter*> order;
  each_layer(net, example, [&](const Tensor& y) {
    for (nn::Parameter* p : weights)
      if (reads_with(y, *p)) {
        const std::int64_t groups = is(y, {"conv2d"}) ? std::get<Window>(y.node()->attributes).groups : 1;
        require(groups == 1, "layerwise: \"{}\" {} is a convolution in {} groups, each of which has inputs of its own; leave it out, or prune it by magnitude",
                p->name(), p->shape(), groups);
        if (std::ranges::find(order, p) == order.end()) order.push_back(p);
      }
  });
  for (nn::Parameter* p : weights)
    require(std::ranges::find(order, p) != order.end(), "layerwise: \"{}\" {} is read by no linear layer and no convolution of this network; leave it out", p->name(),
            p->shape());
  return order;
}

}  // namespace

const std::vector<LayerMethod>& layer_methods() {
  static const std::vector<LayerMethod> table{
      {"magnitude", "what is near 0 in its layer can be 0", "Han et al., NIPS 2015", magnitude_layer},
      {"wanda", "what is near 0, or meets inputs near 0", "Sun et al., ICLR 2024", wanda_layer},
      {"sparsegpt", "what the weights to its right can make up for", "Frantar and Alistarh, ICML 2023", sparsegpt_layer},
      {"obc", "what all weights of its row can make up for", "Frantar et al., NeurIPS 2022", obc_layer},
  };
  return table;
}

const LayerMethod& layer_method(const std::string& name) {
  std::string known;
  for (const LayerMethod& m : layer_methods()) {
    if (m.name == name) return m;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", m.name);
  }
  fail("no layer-wise method \"{}\"; there are {}", name, known);
}

std::vector<PrunedLayer> prune_layerwise(nn::Module& net, const std::vector<nn::Parameter*>& weights, const Tensor& inputs, const LayerMethod& m, const LayerAmount& a,
                                         const LayerwiseOptions& o) {
  require(inputs.defined() && inputs.rank() >= 2 && inputs.size(0) > 0, "layerwise: no calibration examples; pass inputs (n, ...)");
  require(o.batch > 0, "layerwise: batches of {} examples", o.batch);
  count(a.sparsity, 1, "layerwise");
  for (const nn::Parameter* p : net.parameters()) {
    require(!p->is_packed(), "layerwise: \"{}\" is packed, and its mask fixed; unpack() it first", p->name());
    require(!p->soft_mask().defined(), "layerwise: \"{}\" is softly masked, so what it computes with is not what it holds; set a mask instead", p->name());
  }
  const nn::Evaluating mode(net);
  const std::vector<nn::Parameter*> order = in_order(net, weights, slice(inputs, 0, 0, 1));
  const Before before(order);
  std::vector<PrunedLayer> report;
  try {
    for (nn::Parameter* p : order) {
      InputStatistics x(contiguous_strides(p->shape())[0]);
      for (std::int64_t begin = 0; begin < inputs.size(0); begin += o.batch)
        each_layer(net, slice(inputs, 0, begin, std::min(inputs.size(0), begin + o.batch)), [&](const Tensor& y) {
          if (reads_with(y, *p)) gather(*p, tokens_of(y), x);
        });
      NoGrad off;
      const Tensor w = clone(p->leaf().detach());
      const Compensated c = m.prune(p->name(), w, x, a, p->mask(), o);
      require_no_empty_layer({{p->name(), {}, {}}}, {c.mask});
      p->set_mask(c.mask);
      p->set(c.values);
      report.push_back({p->name(), x.tokens(), p->numel(), p->kept(), layer_error(w, p->leaf().detach(), x.second_moments())});
    }
  } catch (...) {
    before.restore();
    throw;
  }
  return report;
}

Tensor unfold(const Tensor& x, std::int64_t height, std::int64_t width, const Window& window) {
  require(x.rank() == 4 && window.groups == 1, "unfold: needs pictures (n, channels, height, width) in one group, got {} in {}", x.shape(), window.groups);
  const std::int64_t n = x.size(0), in = x.size(1), h = x.size(2), w = x.size(3);
  const std::int64_t rows = positions(h, height, window.stride, window.padding, window.dilation), columns = positions(w, width, window.stride, window.padding, window.dilation);
  Tensor out = zeros({n * rows * columns, in * height * width}, x.dtype());
  dispatch_floating("unfold", x.dtype(), [&]<class T>() {
    const T* from = x.data<T>().data();
    T* to = out.mutable_data<T>().data();
    parallel_for(n * rows, [&](std::int64_t k) {
      const std::int64_t example = k / rows, y = k % rows;
      T* row = to + k * columns * in * height * width;
      for (std::int64_t c = 0; c < columns; ++c)
        for (std::int64_t i = 0; i < in; ++i)
          for (std::int64_t a = 0; a < height; ++a)
            for (std::int64_t b = 0; b < width; ++b, ++row) {
              const std::int64_t v = y * window.stride - window.padding + a * window.dilation, u = c * window.stride - window.padding + b * window.dilation;
              if (v >= 0 && v < h && u >= 0 && u < w) *row = from[((example * in + i) * h + v) * w + u];
            }
    });
  });
  return out;
}

}  // namespace bonsai::prune
