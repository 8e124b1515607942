// Exact selection: the 90% lowest of 50 million weights, all together. `./bonsai bench select`. The magnitudes are a pass over 200 MB each way,
// the selection three more and 50 MB of mask.
#include <benchmark/benchmark.h>

#include "core/parallel.h"
#include "core/random.h"
#include "prune/scores/magnitude.h"
#include "prune/select.h"

namespace {

using namespace bonsai;

// As torch.nn.utils.prune.global_unstructured does it: scores and masks of two tensors of 25 million weights.
void select_global(benchmark::State& state, int threads) {
  set_threads(threads);
  const Tensor a = Random(1).normal({25'000'000}), b = Random(2).normal({25'000'000});
  for (auto _ : state) {
    const std::vector<prune::Candidate> all{{"a", prune::magnitude(a), {}}, {"b", prune::magnitude(b), {}}};
    benchmark::DoNotOptimize(prune::remove_lowest(all, 45'000'000));
  }
  set_threads(1);
}
void one_thread(benchmark::State& state) { select_global(state, 1); }
void two_threads(benchmark::State& state) { select_global(state, 2); }
BENCHMARK(two_threads)->Name("select/global/50M/0.9")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(one_thread)->Name("select/global/50M/0.9/one_thread")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
