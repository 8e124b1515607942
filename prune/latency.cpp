#include "prune/latency.h"

#include <algorithm>
#include <chrono>

#include "core/ops.h"

namespace bonsai::prune {
namespace {

double seconds(nn::Module& net, const Tensor& x) {
  const nn::Evaluating mode(net);
  const auto begin = std::chrono::steady_clock::now();
  const Tensor y = net(x);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const std::size_t n = times.size();
  return (times[(n - 1) / 2] + times[n / 2]) / 2;
}

// The medians of calls in turns: call(i, of network i) for every repeat.
std::vector<Latency> in_turns(const std::vector<nn::Module*>& nets, const std::vector<Tensor>& inputs, std::int64_t batch, const LatencyOptions& options) {
  std::vector<std::vector<double>> times(nets.size());
  for (int repeat = -options.warm_up; repeat < options.repeats; ++repeat)
    for (std::size_t i = 0; i < nets.size(); ++i) {
      const double t = seconds(*nets[i], inputs[i]);
      if (repeat >= 0) times[i].push_back(t);
    }
  std::vector<Latency> all;
  for (const auto& t : times) all.push_back({batch, options.repeats, median(t), *std::min_element(t.begin(), t.end())});
  return all;
}

Tensor batch_of(const Tensor& inputs, std::int64_t batch, const LatencyOptions& options) {
  require(inputs.defined() && inputs.rank() > 0 && inputs.size(0) > 0, "latency: needs an example to run; pass inputs (n, ...)");
  require(batch > 0, "latency: a batch of {} examples; take 1 or more", batch);
  require(options.repeats > 0 && options.warm_up >= 0, "latency: {} repeats after {} to warm up; take 1 or more, and 0 or more", options.repeats, options.warm_up);
  Tensor which = arange(batch);
  for (std::int64_t& i : which.mutable_data<std::int64_t>()) i %= inputs.size(0);
  return index_select(inputs.detach(), which);
}

}  // namespace

std::vector<Latency> latencies(const std::vector<nn::Module*>& nets, const Tensor& inputs, std::int64_t batch, const LatencyOptions& options) {
  const NoGrad off;
  return in_turns(nets, std::vector<Tensor>(nets.size(), batch_of(inputs, batch, options)), batch, options);
}

std::vector<LayerLatency> layer_latencies(const std::vector<nn::Sequential*>& nets, const Tensor& inputs, std::int64_t batch, const LatencyOptions& options) {
  const NoGrad off;
  std::vector<Tensor> x(nets.size(), batch_of(inputs, batch, options));
  std::vector<LayerLatency> all;
  for (std::size_t l = 0; !nets.empty() && l < nets[0]->layers().size(); ++l) {
    const std::string name = nets[0]->layers()[l].first;
    std::vector<nn::Module*> modules;
    for (nn::Sequential* net : nets) {
      const auto layers = net->layers();
      require(l < layers.size() && layers[l].first == name && layers.size() == nets[0]->layers().size(), "latency: the networks have different layers, \"{}\" is not in all of them at its place", name);
      modules.push_back(layers[l].second);
    }
    all.push_back({name, in_turns(modules, x, batch, options)});
    for (std::size_t i = 0; i < nets.size(); ++i) {
      const nn::Evaluating mode(*modules[i]);
      x[i] = (*modules[i])(x[i]);
    }
  }
  return all;
}

std::string table(const std::vector<LayerLatency>& layers) {
  double before = 0, after = 0;
  std::size_t width = 5;
  for (const LayerLatency& l : layers) {
    require(l.of.size() == 2, "latency: a table is of two networks, before and after, not of {}", l.of.size());
    before += l.of[0].median, after += l.of[1].median, width = std::max(width, l.layer.size());
  }
  std::string text = fmt::format("{:<{}}   ms before    share     after\n", "layer", width);
  auto line = [&](const std::string& name, double b, double a) {
    text += fmt::format("{:<{}}  {:>10.3f}  {:>6.1f}%  {:>8.3f}  {:>5.2f}x\n", name, width, 1e3 * b, 100 * b / before, 1e3 * a, b / a);
  };
  for (const LayerLatency& l : layers) line(l.layer, l.of[0].median, l.of[1].median);
  line("all", before, after);
  return text;
}

}  // namespace bonsai::prune
