// A weight of which every four columns keep two, times a batch of 64: dense (OpenBLAS where it was found, else our own product), our own dense product,
// the packed form (core/sparse24), and the same weight packed as any other pattern. One thread, f32. `./bonsai bench product24`.
// GFLOP/s counts what the form computes: 2 m n k dense, half of it packed. BONSAI_ISA=avx2 holds ours to AVX2, OPENBLAS_CORETYPE=Haswell OpenBLAS.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "core/backend.h"
#include "core/ops.h"
#include "core/random.h"
#include "core/sparse.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/optimizers.h"
#include "prune/nm/nm.h"
#ifdef BONSAI_OPENBLAS
#include <cblas.h>
extern "C" void openblas_set_num_threads(int);
#endif

namespace {

using namespace bonsai;

struct Layer {
  std::int64_t out, in, batch;
  Tensor w, x, y;
  PatternRef pattern;
  Layer(std::int64_t o, std::int64_t i, std::int64_t n) : out(o), in(i), batch(n) {
    const Random random(1);
    w = random.derive("w").normal({out, in}), x = random.derive("x").normal({in, batch}), y = empty({out, batch});
    const Tensor mask = prune::nm_mask("w", abs(w), {2, 4});
    w = w * cast(mask, DType::f32);
    pattern = pattern_of(mask);
  }
  void count(benchmark::State& state, double share) const {
    state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * share * static_cast<double>(out * in * batch), benchmark::Counter::kIsIterationInvariantRate);
  }
};

void bonsai_dense(benchmark::State& state, std::int64_t out, std::int64_t in, std::int64_t batch) {
  const Layer l(out, in, batch);
  for (auto _ : state) benchmark::DoNotOptimize(matmul(l.w, l.x));
  l.count(state, 1);
}

#ifdef BONSAI_OPENBLAS
void dense(benchmark::State& state, std::int64_t out, std::int64_t in, std::int64_t batch) {
  openblas_set_num_threads(1);
  Layer l(out, in, batch);
  const int m = static_cast<int>(out), n = static_cast<int>(batch), k = static_cast<int>(in);
  for (auto _ : state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, l.w.data<float>().data(), k, l.x.data<float>().data(), n, 0,
                l.y.mutable_data<float>().data(), n);
    benchmark::ClobberMemory();
  }
  l.count(state, 1);
}
#else
constexpr auto dense = bonsai_dense;
#endif

void packed(benchmark::State& state, std::int64_t out, std::int64_t in, std::int64_t batch) {
  const Layer l(out, in, batch);
  const Tensor values = pack(l.w, *l.pattern);
  for (auto _ : state) benchmark::DoNotOptimize(sparse_matmul(l.pattern, values, l.x));
  l.count(state, 0.5);
}

void general(benchmark::State& state, std::int64_t out, std::int64_t in, std::int64_t batch) {  // as if the pattern were any
  Layer l(out, in, batch);
  const Tensor values = pack(l.w, *l.pattern);
  for (auto _ : state) kernels(l.x).sparse_matmul(by_rows(*l.pattern), view(values), view(l.x), View{}, view_for_writing(l.y));
  l.count(state, 0.5);
}

// A training step of one Linear layer whose mask is 2:4, batch 60: forward, backward, Adam.
void step(benchmark::State& state, std::int64_t out, std::int64_t in, bool is_packed) {
  const Random random(1);
  nn::Linear layer(in, out);
  nn::initialize(layer, {}, random.derive("init"));
  layer.weight().set_mask(prune::nm_mask("w", abs(layer.weight().leaf().detach()), {2, 4}));
  if (is_packed) layer.weight().pack();
  nn::Adam adam(layer.parameters());
  const Tensor rows = random.derive("x").normal({60, in}), dy = random.derive("dy").normal({60, out});
  Tensor x = is_packed ? to_columns(rows) : rows;
  x.requires_grad(true);
  const Tensor seed = is_packed ? to_columns(dy) : dy;
  for (auto _ : state) {
    backward(is_packed ? layer.forward_columns(x) : layer(x), {.seed = seed});
    adam.step(1e-3);
    x.clear_grad();
  }
}

const bool registered = [] {
  for (const auto& [out, in] : {std::pair<int, int>{100, 300}, {300, 784}, {1000, 1000}, {4096, 4096}})
    for (const bool is_packed : {false, true})
      benchmark::RegisterBenchmark(fmt::format("product24/step/{}x{}/{}", out, in, is_packed ? "packed" : "masked").c_str(), step, out, in, is_packed)
          ->Unit(benchmark::kMicrosecond);
  for (const auto& [out, in, batch] : {std::tuple<int, int, int>{512, 2048, 64}, {4096, 4096, 64}, {300, 784, 64}, {2048, 512, 256}, {512, 2048, 1}})
    for (const auto& [name, f] : {std::pair<const char*, decltype(&packed)>{"dense", dense}, {"packed", packed}, {"bonsai_dense", bonsai_dense}, {"general", general}})
      benchmark::RegisterBenchmark(fmt::format("product24/{}x{}x{}/{}", out, in, batch, name).c_str(), f, out, in, batch)->Unit(benchmark::kMicrosecond);
  return true;
}();

}  // namespace
