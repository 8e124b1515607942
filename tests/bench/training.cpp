// Times of whole training steps. `./bonsai bench training`; as JSON with --benchmark_format=json. By density, and as a figure: step_time.cpp.
#include <fmt/core.h>

#include "core/parallel.h"
#include "tests/bench/cases.h"

namespace {

using namespace bonsai;

// Every layer masked at density 0.5, where the arithmetic is dense: one thread; two threads inside one training; two trainings side by
// side (their steps per second together).
void dense(benchmark::State& state, int threads) {
  set_threads(threads);
  bench::train_step(state, 0.5, false);
  set_threads(1);
}
void dense_one(benchmark::State& state) { dense(state, 1); }
void dense_two(benchmark::State& state) { dense(state, 2); }
BENCHMARK(dense_one)->Name("train_step/lenet_300_100/dense")->Unit(benchmark::kMicrosecond);
BENCHMARK(dense_two)->Name("train_step/lenet_300_100/dense/two_threads")->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(dense_one)->Name("train_step/lenet_300_100/dense/jobs")->Unit(benchmark::kMicrosecond)->UseRealTime()->Threads(1)->Threads(2);

// The convolutional networks on noise, SGD with momentum 0.9, as tests/peers/conv_step.py.
struct Network {
  const char* name;
  std::unique_ptr<nn::Sequential> (*make)();
  std::int64_t batch;
  Shape picture;
  double gflop;  // 2 per product: value, input gradient (not of the first layer) and weight gradient
};
void picture_step(benchmark::State& state, const Network& n, int threads) {
  set_threads(threads);
  Random random(1);
  const auto net = n.make();
  nn::initialize(*net, {}, random.derive("init"));
  nn::SGD sgd(net->parameters(), {.momentum = 0.9});
  const Tensor x = random.uniform({n.batch, n.picture[0], n.picture[1], n.picture[2]}), y = cast(random.uniform({n.batch}, 0, 10), DType::i64);
  auto step = [&] {
    backward(cross_entropy((*net)(x), y));
    sgd.step(0.01);
  };
  for (int i = 0; i < 2; ++i) step();
  for (auto _ : state) step();
  state.SetItemsProcessed(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(n.gflop, benchmark::Counter::kIsIterationInvariantRate);
  set_threads(1);
}

const bool registered = [] {
  static const Network networks[] = {{"lenet5", [] { return nn::lenet5(true); }, 64, {1, 28, 28}, 0.844},
                                     {"conv2", [] { return nn::conv_net(2); }, 60, {3, 32, 32}, 15.55},
                                     {"resnet20", [] { return nn::resnet(20); }, 128, {3, 32, 32}, 31.23}};
  for (const Network& n : networks)
    for (const int threads : {1, 2})
      benchmark::RegisterBenchmark(fmt::format("train_step/{}/dense{}", n.name, threads == 1 ? "" : "/two_threads").c_str(), picture_step, n, threads)->Unit(benchmark::kMillisecond)->UseRealTime();
  for (const double d : {0.5, 0.2, 0.1, 0.036})
    benchmark::RegisterBenchmark(fmt::format("train_step/lenet_300_100/packed/{}", d).c_str(), bench::train_step, d, true)->Unit(benchmark::kMicrosecond);
  return true;
}();

}  // namespace
