// Normalisation and pooling at the shapes of the papers' networks, one thread, beside a copy of as many numbers. `./bonsai bench pictures`.
// GB/s counts each number that must be read or written once: what a second pass over memory costs shows as a lower figure.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "core/backend.h"
#include "core/ops.h"
#include "core/random.h"

namespace {

using namespace bonsai;

std::string sizes(const Shape& s) {
  std::string all = fmt::format("{}", s[0]);
  for (int a = 1; a < s.rank(); ++a) all += fmt::format("x{}", s[a]);
  return all;
}

// f(state) runs once; the loop over the state is its own.
template <class F>
void add(const std::string& name, double numbers, F f) {
  benchmark::RegisterBenchmark(name.c_str(), [numbers, f](benchmark::State& state) {
    f(state);
    state.counters["GB/s"] = benchmark::Counter(4e-9 * numbers, benchmark::Counter::kIsIterationInvariantRate);
  })->Unit(benchmark::kMicrosecond);
}

void add_copy(const Shape& s) {
  add("copy/" + sizes(s), 2.0 * static_cast<double>(s.numel()), [s](benchmark::State& state) {
    const Tensor x = Random(1).normal(s);
    for (auto _ : state) benchmark::DoNotOptimize(clone(x));
  });
}

// With ReLU, as in ResNet; and with the sum of a residual block.
void add_batch_norm(const Shape& s, bool residual) {
  const auto n = static_cast<double>(s.numel());
  const std::string what = sizes(s) + (residual ? "/shortcut" : "");
  auto given = [s](Random random, bool residual) { return residual ? random.normal(s) : Tensor{}; };
  add("batch_norm/" + what, (residual ? 3 : 2) * n, [=](benchmark::State& state) {
    Random random(1);
    const Tensor x = random.normal(s), gamma = random.normal({s[1]}), beta = random.normal({s[1]}), shortcut = given(random, residual);
    for (auto _ : state) benchmark::DoNotOptimize(batch_norm(x, gamma, beta, 1e-5, true, shortcut));
  });
  add("batch_norm_gradient/" + what, (residual ? 5 : 4) * n, [=](benchmark::State& state) {
    Random random(1);
    const Tensor x = random.normal(s), gamma = random.normal({s[1]}), beta = random.normal({s[1]}), dy = random.normal(s);
    const auto [y, statistics] = batch_norm(x, gamma, beta, 1e-5, true, given(random, residual));
    for (auto _ : state) {
      Tensor dx = empty_like(x), dgamma = empty_like(gamma), dbeta = empty_like(beta), dshortcut = residual ? empty_like(x) : Tensor{};
      kernels(x).batch_norm_gradient({1e-5, true}, view(x), view(gamma), view(statistics), view(y), view(dy), view_for_writing(dx), view_for_writing(dgamma),
                                     view_for_writing(dbeta), residual ? view_for_writing(dshortcut) : View{});
      benchmark::DoNotOptimize(dx);
    }
  });
}

void add_layer_norm(const Shape& s) {
  const auto n = static_cast<double>(s.numel());
  auto start = [s] {
    Random random(1);
    return Tensors{random.normal(s), random.normal({s[s.rank() - 1]}), random.normal({s[s.rank() - 1]}), random.normal(s)};
  };
  add("layer_norm/" + sizes(s), 2 * n, [start](benchmark::State& state) {
    const Tensors x = start();
    for (auto _ : state) benchmark::DoNotOptimize(layer_norm(x[0], x[1], x[2], 1e-5));
  });
  add("layer_norm_gradient/" + sizes(s), 3 * n, [start](benchmark::State& state) {
    const Tensors x = start();
    Tensor y = empty_like(x[0]), statistics = empty({2, x[0].numel() / x[0].size(-1)}, DType::f64);
    kernels(x[0]).layer_norm(1e-5, view(x[0]), view(x[1]), view(x[2]), view_for_writing(y), view_for_writing(statistics));
    for (auto _ : state) {
      Tensor dx = empty_like(x[0]), dgamma = empty_like(x[1]), dbeta = empty_like(x[2]);
      kernels(x[0]).layer_norm_gradient(1e-5, view(x[0]), view(x[1]), view(statistics), view(x[3]), view_for_writing(dx), view_for_writing(dgamma), view_for_writing(dbeta));
      benchmark::DoNotOptimize(dx);
    }
  });
}

// The value, and the gradient that sends dy back; taps are bytes.
void add_pool(const Shape& s, const Pool& p) {
  const Shape pooled{s[0], s[1], positions(s[2], p.size, p.stride, p.padding), positions(s[3], p.size, p.stride, p.padding)};
  const double x = static_cast<double>(s.numel()), y = static_cast<double>(pooled.numel());
  const std::string what = sizes(s) + (p.size == 2 ? "" : fmt::format("/{}x{}", p.size, p.size));
  add("max_pool/" + what, x + 1.25 * y, [s, p](benchmark::State& state) {
    const Tensor x = Random(1).normal(s);
    for (auto _ : state) benchmark::DoNotOptimize(max_pool2d(x, p));
  });
  add("max_pool_gradient/" + what, x + 1.25 * y, [=](benchmark::State& state) {
    const Tensor x = Random(1).normal(s);
    Tensor y = empty(pooled), taps = empty(pooled, DType::u8);
    kernels(x).max_pool2d(p, view(x), view_for_writing(y), view_for_writing(taps));
    for (auto _ : state) {
      Tensor dx = empty_like(x);
      kernels(x).pool_scatter(p, view(y), view(taps), view_for_writing(dx));
      benchmark::DoNotOptimize(dx);
    }
  });
  add("average_pool/" + what, x + y, [s, p](benchmark::State& state) {
    const Tensor x = Random(1).normal(s);
    for (auto _ : state) benchmark::DoNotOptimize(average_pool2d(x, p));
  });
  add("average_pool_gradient/" + what, x + y, [=](benchmark::State& state) {
    const Tensor y = Random(1).normal(pooled);
    for (auto _ : state) {
      Tensor dx = empty(s);
      kernels(y).average_pool2d_transposed(p, view(y), view_for_writing(dx));
      benchmark::DoNotOptimize(dx);
    }
  });
}

const int registered = [] {
  for (const Shape& s : {Shape{128, 16, 32, 32}, Shape{128, 32, 16, 16}, Shape{128, 64, 8, 8}, Shape{64, 512, 2, 2}}) {  // ResNet-20's stages; VGG's last
    add_copy(s);
    for (const bool residual : {false, true}) add_batch_norm(s, residual);
  }
  const Shape conv2{60, 64, 32, 32};
  add_copy(conv2);
  add_pool(conv2, {});
  add_pool(conv2, {3, 2, 1});
  add_layer_norm({128, 28, 64});
  add_layer_norm({300, 784});
  return 0;
}();

}  // namespace
