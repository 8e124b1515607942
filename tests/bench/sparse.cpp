// Sparse products of LeNet-300-100's first layer by density, batch 64, one thread, beside the dense product. `./bonsai bench sparse`.
// GFLOP/s counts useful work, 2 · kept · batch.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "core/ops.h"
#include "core/random.h"
#include "core/sparse.h"

namespace {

using namespace bonsai;
constexpr std::int64_t rows = 300, columns = 784, batch = 64;

struct Layer {
  PatternRef pattern;
  Tensor values, x, y;
  explicit Layer(double density) {
    Random random(1);
    pattern = pattern_of(cast(random.bernoulli({rows, columns}, density), DType::u8));
    values = random.normal({pattern->kept()});
    x = random.normal({columns, batch});
    y = random.normal({rows, batch});
  }
  void count(benchmark::State& state) const {
    state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * static_cast<double>(pattern->kept() * batch), benchmark::Counter::kIsIterationInvariantRate);
  }
};

void forward(benchmark::State& state, double density) {
  const Layer l(density);
  for (auto _ : state) benchmark::DoNotOptimize(sparse_matmul(l.pattern, l.values, l.x));
  l.count(state);
}
void input_gradient(benchmark::State& state, double density) {
  const Layer l(density);
  for (auto _ : state) benchmark::DoNotOptimize(sparse_matmul_transposed(l.pattern, l.values, l.y));
  l.count(state);
}
void weight_gradient(benchmark::State& state, double density) {
  const Layer l(density);
  for (auto _ : state) benchmark::DoNotOptimize(sampled_matmul(l.pattern, l.y, l.x));
  l.count(state);
}
void dense(benchmark::State& state) {
  const Layer l(0.1);
  const Tensor w = unpack(l.values, *l.pattern);
  for (auto _ : state) benchmark::DoNotOptimize(matmul(w, l.x));
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * rows * columns * batch, benchmark::Counter::kIsIterationInvariantRate);
}

const bool registered = [] {
  benchmark::RegisterBenchmark("spmm/300x784/dense", dense)->Unit(benchmark::kMicrosecond);
  for (const double d : {0.5, 0.4, 0.2, 0.1, 0.036}) {
    benchmark::RegisterBenchmark(fmt::format("spmm/300x784/{}", d).c_str(), forward, d)->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(fmt::format("spmm_transposed/300x784/{}", d).c_str(), input_gradient, d)->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(fmt::format("sampled/300x784/{}", d).c_str(), weight_gradient, d)->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
