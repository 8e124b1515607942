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

const bool registered = [] {
  for (const double d : {0.5, 0.2, 0.1, 0.036})
    benchmark::RegisterBenchmark(fmt::format("train_step/lenet_300_100/packed/{}", d).c_str(), bench::train_step, d, true)->Unit(benchmark::kMicrosecond);
  return true;
}();

}  // namespace
