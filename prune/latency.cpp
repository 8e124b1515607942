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

}  // namespace

std::vector<Latency> latencies(const std::vector<nn::Module*>& nets, const Tensor& inputs, std::int64_t batch, const LatencyOptions& options) {
  require(inputs.defined() && inputs.rank() > 0 && inputs.size(0) > 0, "latency: needs an example to run; pass inputs (n, ...)");
  require(batch > 0, "latency: a batch of {} examples; take 1 or more", batch);
  require(options.repeats > 0 && options.warm_up >= 0, "latency: {} repeats after {} to warm up; take 1 or more, and 0 or more", options.repeats, options.warm_up);
  const NoGrad off;
  Tensor which = arange(batch);
  for (std::int64_t& i : which.mutable_data<std::int64_t>()) i %= inputs.size(0);
  const Tensor x = index_select(inputs.detach(), which);
  std::vector<std::vector<double>> times(nets.size());
  for (int repeat = -options.warm_up; repeat < options.repeats; ++repeat)
    for (std::size_t i = 0; i < nets.size(); ++i) {
      const double t = seconds(*nets[i], x);
      if (repeat >= 0) times[i].push_back(t);
    }
  std::vector<Latency> all;
  for (const auto& t : times) all.push_back({batch, options.repeats, median(t), *std::min_element(t.begin(), t.end())});
  return all;
}

}  // namespace bonsai::prune
