// Pruning a layer without retraining: SparseGPT from the layer's inputs to its new weights, on two threads. `./bonsai bench layerwise`.
#include <benchmark/benchmark.h>

#include "core/parallel.h"
#include "core/random.h"
#include "prune/layerwise/sparsegpt.h"

namespace {

using namespace bonsai;

// A weight of 4096 x 4096 at 50%, 2,048 tokens, f32: second moments, one Cholesky factorisation and the columns, in f64.
void sparsegpt_4096(benchmark::State& state) {
  set_threads(2);
  const Tensor w = Random(1).normal({4096, 4096}, 0, 1), x = Random(2).normal({2048, 4096}, 0, 1);
  for (auto _ : state) {
    prune::InputStatistics inputs(4096);
    inputs.add(x);
    benchmark::DoNotOptimize(prune::sparsegpt("w", w, inputs.second_moments(), {.sparsity = 0.5}));
  }
  set_threads(1);
}
BENCHMARK(sparsegpt_4096)->Name("sparsegpt/4096x4096/2048")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
