// Times of whole training steps. `./bonsai bench training`; as JSON with --benchmark_format=json.
#include <benchmark/benchmark.h>

#include "core/parallel.h"
#include "nn/init.h"
#include "nn/networks.h"
#include "nn/train.h"

namespace {

using namespace bonsai;

// One step of LeNet-300-100 as the lottery ticket takes it: batch 60, Adam, every layer masked (at a density of one half; the
// arithmetic is dense). Images are picked at random from 60,000, as in training.
void lenet_300_100_dense(benchmark::State& state, int threads) {
  Random random(1);
  auto net = nn::lenet_300_100();
  nn::initialize(*net, {}, random.derive("init"));
  for (nn::Parameter* p : net->parameters()) p->set_mask(cast(random.bernoulli(p->shape(), 0.5), DType::u8));
  nn::Adam adam(net->parameters());
  const Tensor images = random.uniform({60000, 784}), labels = cast(random.uniform({60000}, 0, 10), DType::i64);
  Random order = random.derive("order");
  set_threads(threads);
  for (auto _ : state) {
    Tensor batch = empty({60}, DType::i64);
    for (std::int64_t& i : batch.mutable_data<std::int64_t>()) i = static_cast<std::int64_t>(order.below(60000));
    const Tensor loss = cross_entropy((*net)(index_select(images, batch)), index_select(labels, batch));
    backward(loss);
    adam.step(1.2e-3);
  }
  set_threads(1);
  state.SetItemsProcessed(state.iterations());  // steps per second; a step is 68 MFLOP
}
// One thread; two threads inside one training; two trainings side by side (their steps per second together).
void lenet_300_100_one(benchmark::State& state) { lenet_300_100_dense(state, 1); }
void lenet_300_100_two(benchmark::State& state) { lenet_300_100_dense(state, 2); }
BENCHMARK(lenet_300_100_one)->Name("train_step/lenet_300_100/dense")->Unit(benchmark::kMicrosecond);
BENCHMARK(lenet_300_100_two)->Name("train_step/lenet_300_100/dense/two_threads")->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(lenet_300_100_one)->Name("train_step/lenet_300_100/dense/jobs")->Unit(benchmark::kMicrosecond)->UseRealTime()->Threads(1)->Threads(2);

}  // namespace
