// Reading MNIST and CIFAR-10 from their files in the data folder, SHA-256 checked, their pixels turned into floats, and batches of 128
// photographs, plain, and flipped and cut anew. `./bonsai bench data`.
#include <benchmark/benchmark.h>

#include "core/error.h"
#include "datasets/batches.h"
#include "datasets/cifar10.h"
#include "datasets/mnist.h"
#include "datasets/published.h"

namespace {

using namespace bonsai;
using Loader = datasets::Dataset (*)(const std::filesystem::path& data_dir, bool train);

void count(benchmark::State& state, const datasets::Dataset& d) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * d.inputs.size_in_bytes()));
  state.SetItemsProcessed(state.iterations() * d.size());
}

// A set that is not there is skipped, with the line that says how to fetch it.
void load(benchmark::State& state, Loader loader, bool train) {
  try {
    datasets::Dataset d;
    for (auto _ : state) {
      d = {};  // one in memory at a time
      d = loader(datasets::data_directory(), train);
    }
    count(state, d);
  } catch (const Error& e) {
    state.SkipWithError(e.what());
  }
}
void as_floats(benchmark::State& state) {
  try {
    const datasets::Dataset d = datasets::load_mnist(datasets::data_directory(), true);
    for (auto _ : state) benchmark::DoNotOptimize(datasets::as_floats(d));
    count(state, d);
  } catch (const Error& e) {
    state.SkipWithError(e.what());
  }
}
// Batches of 128 as in training on CIFAR-10, from the second of an epoch on: the first draws its order.
void batches(benchmark::State& state, const datasets::Augmentation& a) {
  try {
    const datasets::Dataset d = datasets::load_cifar10(datasets::data_directory(), true);
    datasets::Batches source(d, 128, Random(1), datasets::channel_normalization_of(d), a);
    source(0);
    std::int64_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(source(1 + i++ % (source.per_epoch() - 1)));
    state.SetItemsProcessed(state.iterations());
  } catch (const Error& e) {
    state.SkipWithError(e.what());
  }
}
BENCHMARK_CAPTURE(load, mnist_train, datasets::load_mnist, true)->Name("data/mnist/train")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(load, mnist_test, datasets::load_mnist, false)->Name("data/mnist/test")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(as_floats)->Name("data/mnist/train/as_floats")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(load, cifar_train, datasets::load_cifar10, true)->Name("data/cifar-10/train")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(load, cifar_test, datasets::load_cifar10, false)->Name("data/cifar-10/test")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(batches, plain, datasets::Augmentation{})->Name("data/cifar-10/batch/plain")->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK_CAPTURE(batches, flip_and_crop, (datasets::Augmentation{true, 4}))->Name("data/cifar-10/batch/flip_and_crop")->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
