// Measuring LeNet-300-100 on as many images as an experiment does, 15,000, one thread. `./bonsai bench evaluation`. Dense and masked
// networks take a thousand rows at a time, packed ones 64 columns, which are made on the way.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "nn/init.h"
#include "nn/networks.h"
#include "nn/train.h"

namespace {

using namespace bonsai;

enum class How { dense, masked, packed };

void evaluate(benchmark::State& state, How how, double density) {
  Random random(1);
  auto net = nn::lenet_300_100();
  nn::initialize(*net, {}, random.derive("init"));
  for (nn::Parameter* p : net->parameters()) {
    if (p->shape().rank() < 2 || how == How::dense) continue;
    p->set_mask(cast(random.derive(p->name()).bernoulli(p->shape(), density), DType::u8));
    if (how != How::masked) p->pack();
  }
  const Tensor images = random.uniform({15000, 784}), labels = cast(random.uniform({15000}, 0, 10), DType::i64);
  for (auto _ : state) benchmark::DoNotOptimize(nn::evaluate(*net, images, labels));
}

const bool registered = [] {
  benchmark::RegisterBenchmark("evaluation/lenet_300_100/dense", evaluate, How::dense, 1)->Unit(benchmark::kMillisecond);
  for (const double d : {0.2, 0.036}) {
    benchmark::RegisterBenchmark(fmt::format("evaluation/lenet_300_100/masked/{}", d).c_str(), evaluate, How::masked, d)->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(fmt::format("evaluation/lenet_300_100/packed/{}", d).c_str(), evaluate, How::packed, d)->Unit(benchmark::kMillisecond);
  }
  return true;
}();

}  // namespace
