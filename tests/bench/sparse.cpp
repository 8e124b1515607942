// Sparse products of LeNet-300-100's first layer by density, batch 64, one thread, beside the dense product. `./bonsai bench sparse`.
// GFLOP/s counts useful work, 2 · kept · batch.
#include <fmt/core.h>

#include "tests/bench/cases.h"

namespace {

using namespace bonsai;
using bench::SparseLayer;

void input_gradient(benchmark::State& state, double density) {
  const SparseLayer l(density);
  for (auto _ : state) benchmark::DoNotOptimize(sparse_matmul_transposed(l.pattern, l.values, l.y));
  l.count(state);
}
void weight_gradient(benchmark::State& state, double density) {
  const SparseLayer l(density);
  for (auto _ : state) benchmark::DoNotOptimize(sampled_matmul(l.pattern, l.y, l.x));
  l.count(state);
}

const bool registered = [] {
  benchmark::RegisterBenchmark("spmm/300x784/dense", bench::dense_forward)->Unit(benchmark::kMicrosecond);
  for (const double d : {0.5, 0.4, 0.3, 0.2, 0.1, 0.036}) {
    benchmark::RegisterBenchmark(fmt::format("spmm/300x784/{}", d).c_str(), bench::sparse_forward, d)->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(fmt::format("spmm_transposed/300x784/{}", d).c_str(), input_gradient, d)->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(fmt::format("sampled/300x784/{}", d).c_str(), weight_gradient, d)->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
