// Reading MNIST from its files in the data folder, SHA-256 checked, and its pixels turned into floats. `./bonsai bench data`.
#include <benchmark/benchmark.h>

#include "core/error.h"
#include "datasets/mnist.h"
#include "datasets/published.h"

namespace {

using namespace bonsai;

void count(benchmark::State& state, const datasets::Dataset& d) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * d.inputs.size_in_bytes()));
  state.SetItemsProcessed(state.iterations() * d.size());
}

// A set that is not there is skipped, with the line that says how to fetch it.
void load(benchmark::State& state, bool train) {
  try {
    datasets::Dataset d;
    for (auto _ : state) d = datasets::load_mnist(datasets::data_directory(), train);
    count(state, d);
  } catch (const Error& e) {
    state.SkipWithError(e.what());
  }
}
void load_train(benchmark::State& state) { load(state, true); }
void load_test(benchmark::State& state) { load(state, false); }
void as_floats(benchmark::State& state) {
  try {
    const datasets::Dataset d = datasets::load_mnist(datasets::data_directory(), true);
    for (auto _ : state) benchmark::DoNotOptimize(datasets::as_floats(d));
    count(state, d);
  } catch (const Error& e) {
    state.SkipWithError(e.what());
  }
}
BENCHMARK(load_train)->Name("data/mnist/train")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(load_test)->Name("data/mnist/test")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(as_floats)->Name("data/mnist/train/as_floats")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
