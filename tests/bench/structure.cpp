// Inference of networks with half of their channels cut out, beside whole ones, at batch 64 and 1, on two threads. `./bonsai bench structure`.
// By the arithmetic it is a quarter: weights lose half of their rows and half of their columns.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "core/parallel.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "prune/structure/select_channels.h"
#include "prune/structure/surgery.h"

namespace {

using namespace bonsai;

void infer(benchmark::State& state, const char* name, std::int64_t batch, double gone) {
  set_threads(2);
  Random random(1);
  auto net = nn::network(name);
  nn::initialize(*net, {}, random.derive("init"));
  const Tensor x = random.normal({batch, 3, 32, 32});
  if (gone > 0) {
    const prune::Channels channels(*net, slice(x, 0, 0, 1));
    const Tensor scores = random.uniform({channels.units()}, 0, 1, DType::f64);
    prune::mask_units(channels, prune::choose_channels(channels, scores.to_vector<double>(), {.channel_ratio = gone}).units);
    prune::cut(*net, slice(x, 0, 0, 1));
  }
  NoGrad off;
  const nn::Evaluating mode(*net);
  for (auto _ : state) benchmark::DoNotOptimize((*net)(x));
  set_threads(1);
}

const bool registered = [] {
  for (const char* net : {"resnet20", "vgg16"})
    for (const std::int64_t batch : {64, 1})
      for (const double gone : {0.0, 0.5})
        benchmark::RegisterBenchmark(fmt::format("structure/{}/batch{}/{}", net, batch, gone > 0 ? "half" : "whole").c_str(), infer, net, batch, gone)
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
  return true;
}();

}  // namespace
