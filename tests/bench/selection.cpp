// Exact selection: the 90% lowest of 50 million weights, all together. `./bonsai bench select`. Two passes over 200 MB and one that writes
// 50 MB of mask: the limit is memory, about 0.1 s.
#include <benchmark/benchmark.h>

#include "core/random.h"
#include "prune/scores/magnitude.h"
#include "prune/select.h"

namespace {

using namespace bonsai;

// As torch.nn.utils.prune.global_unstructured does it: scores and masks of two tensors of 25 million weights.
void select_global(benchmark::State& state) {
  const Tensor a = Random(1).normal({25'000'000}), b = Random(2).normal({25'000'000});
  for (auto _ : state) {
    const std::vector<prune::Candidate> all{{"a", prune::magnitude(a), {}}, {"b", prune::magnitude(b), {}}};
    benchmark::DoNotOptimize(prune::remove_lowest(all, 45'000'000));
  }
}
BENCHMARK(select_global)->Name("select/global/50M/0.9")->Unit(benchmark::kMillisecond);

}  // namespace
