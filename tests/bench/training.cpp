// Times of whole training steps. `./bonsai bench training`; as JSON with --benchmark_format=json.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "core/parallel.h"
#include "datasets/batches.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/train.h"

namespace {

using namespace bonsai;

// One step of LeNet-300-100 as the lottery ticket takes it: batch 60, Adam, every layer masked at `density`. Images are picked at random from
// 60,000 in bytes, as in training. Masked, the arithmetic is dense; packed, the kept weights are all there is.
void lenet_300_100(benchmark::State& state, int threads, double density, bool packed) {
  Random random(1);
  auto net = nn::lenet_300_100();
  nn::initialize(*net, {}, random.derive("init"));
  for (nn::Parameter* p : net->parameters()) {
    if (p->shape().rank() < 2) continue;
    p->set_mask(cast(random.bernoulli(p->shape(), density), DType::u8));
    if (packed) p->pack();
  }
  nn::Adam adam(net->parameters());
  datasets::Dataset data{.name = "noise", .inputs = cast(random.uniform({60000, 1, 28, 28}, 0, 256), DType::u8), .labels = cast(random.uniform({60000}, 0, 10), DType::i64), .classes = std::vector<std::string>(10)};
  datasets::Batches batches(std::move(data), 60, random.derive("order"));
  std::int64_t iteration = 0;
  set_threads(threads);
  for (auto _ : state) {
    const Batch batch = batches(iteration++);
    const Tensor loss = cross_entropy((*net)(batch.inputs), batch.labels);
    backward(loss);
    adam.step(1.2e-3);
  }
  set_threads(1);
  state.SetItemsProcessed(state.iterations());  // steps per second; a step is 68 MFLOP
}
// One thread; two threads inside one training; two trainings side by side (their steps per second together).
void dense_one(benchmark::State& state) { lenet_300_100(state, 1, 0.5, false); }
void dense_two(benchmark::State& state) { lenet_300_100(state, 2, 0.5, false); }
BENCHMARK(dense_one)->Name("train_step/lenet_300_100/dense")->Unit(benchmark::kMicrosecond);
BENCHMARK(dense_two)->Name("train_step/lenet_300_100/dense/two_threads")->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(dense_one)->Name("train_step/lenet_300_100/dense/jobs")->Unit(benchmark::kMicrosecond)->UseRealTime()->Threads(1)->Threads(2);

const bool registered = [] {
  for (const double d : {0.5, 0.2, 0.1, 0.036})
    benchmark::RegisterBenchmark(fmt::format("train_step/lenet_300_100/packed/{}", d).c_str(), lenet_300_100, 1, d, true)->Unit(benchmark::kMicrosecond);
  return true;
}();

}  // namespace
