// Dense products at the shapes of a LeNet-300-100 step (batch 60) and two larger ones, one thread. `./bonsai bench products`.
// GFLOP/s counts 2 m n k. OpenBLAS runs the same shapes where it was found.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "core/backend.h"
#include "core/ops.h"
#include "core/random.h"
#ifdef BONSAI_OPENBLAS
#include <cblas.h>
#endif

namespace {

using namespace bonsai;

struct Shapes {
  int m, n, k;
  Sides t;
};
const Shapes all[] = {{60, 300, 784, {false, true}},  // forward
                      {300, 784, 60, {true, false}},  // weight gradient
                      {60, 100, 300, {false, true}},  // forward
                      {100, 300, 60, {true, false}},  // weight gradient
                      {60, 300, 100, {false, false}},
                      {512, 512, 512, {false, false}},
                      {2048, 2048, 2048, {false, false}}};

void ours(benchmark::State& state, Shapes s) {
  Random random(1);
  const Tensor a = random.normal(s.t.a ? Shape{s.k, s.m} : Shape{s.m, s.k}), b = random.normal(s.t.b ? Shape{s.n, s.k} : Shape{s.k, s.n});
  for (auto _ : state) benchmark::DoNotOptimize(matmul(a, b, s.t));
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * s.m * s.n * s.k, benchmark::Counter::kIsIterationInvariantRate);
}

#ifdef BONSAI_OPENBLAS
extern "C" void openblas_set_num_threads(int);
void openblas(benchmark::State& state, Shapes s) {
  openblas_set_num_threads(1);
  Random random(1);
  const Tensor a = random.normal(s.t.a ? Shape{s.k, s.m} : Shape{s.m, s.k}), b = random.normal(s.t.b ? Shape{s.n, s.k} : Shape{s.k, s.n});
  Tensor c = empty({s.m, s.n});
  for (auto _ : state) {
    cblas_sgemm(CblasRowMajor, s.t.a ? CblasTrans : CblasNoTrans, s.t.b ? CblasTrans : CblasNoTrans, s.m, s.n, s.k, 1, a.data<float>().data(),
                static_cast<int>(a.size(1)), b.data<float>().data(), static_cast<int>(b.size(1)), 0, c.mutable_data<float>().data(), s.n);
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * s.m * s.n * s.k, benchmark::Counter::kIsIterationInvariantRate);
}
#endif

const int registered = [] {
  for (const Shapes& s : all) {
    benchmark::RegisterBenchmark(fmt::format("product/{}x{}x{}/bonsai", s.m, s.n, s.k).c_str(), ours, s)->Unit(benchmark::kMicrosecond);
#ifdef BONSAI_OPENBLAS
    benchmark::RegisterBenchmark(fmt::format("product/{}x{}x{}/openblas", s.m, s.n, s.k).c_str(), openblas, s)->Unit(benchmark::kMicrosecond);
#endif
  }
  return 0;
}();

}  // namespace
