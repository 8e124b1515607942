// Convolutions at the shapes of the papers' networks: the value, the input gradient and the weight gradient, one thread.
// `./bonsai bench convolutions`. GFLOP/s counts 2 x outputs x pixels x terms: what the sum needs, not what a kernel may add to it.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "core/ops.h"
#include "core/random.h"
#include "core/sparse.h"

namespace {

using namespace bonsai;

struct Case {
  const char* name;
  Shape x, w;
  Window window;
};
const Case all[] = {{"lenet5_conv1", {64, 1, 28, 28}, {20, 1, 5, 5}, {}},
                    {"lenet5_conv2", {64, 20, 12, 12}, {50, 20, 5, 5}, {}},
                    {"conv2_conv1", {60, 3, 32, 32}, {64, 3, 3, 3}, {.padding = 1}},
                    {"conv2_conv2", {60, 64, 32, 32}, {64, 64, 3, 3}, {.padding = 1}},
                    {"resnet20_stage1", {128, 16, 32, 32}, {16, 16, 3, 3}, {.padding = 1}},
                    {"resnet20_down2", {128, 16, 32, 32}, {32, 16, 3, 3}, {.stride = 2, .padding = 1}},
                    {"resnet20_short2", {128, 16, 32, 32}, {32, 16, 1, 1}, {.stride = 2}},
                    {"resnet20_stage2", {128, 32, 16, 16}, {32, 32, 3, 3}, {.padding = 1}},
                    {"resnet20_down3", {128, 32, 16, 16}, {64, 32, 3, 3}, {.stride = 2, .padding = 1}},
                    {"resnet20_stage3", {128, 64, 8, 8}, {64, 64, 3, 3}, {.padding = 1}},
                    {"vgg_512", {64, 512, 4, 4}, {512, 512, 3, 3}, {.padding = 1}},
                    {"vgg_512_last", {64, 512, 2, 2}, {512, 512, 3, 3}, {.padding = 1}}};

const int registered = [] {
  for (const Case& c : all) {
    auto add = [&](const char* kind, auto f, double products = 1) {
      benchmark::RegisterBenchmark(fmt::format("convolution/{}/{}", c.name, kind).c_str(),
                                   [&c, f, products](benchmark::State& state) {
                                     Random random(1);
                                     const Tensor x = random.normal(c.x), w = random.normal(c.w), y = conv2d(x, w, {}, c.window);
                                     for (auto _ : state) benchmark::DoNotOptimize(f(c, x, w, y));
                                     state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * products * static_cast<double>(y.numel() * (w.numel() / w.size(0))),
                                                                                    benchmark::Counter::kIsIterationInvariantRate);
                                   })
          ->Unit(benchmark::kMicrosecond);
    };
    add("value", [](const Case& c, const Tensor& x, const Tensor& w, const Tensor&) { return conv2d(x, w, {}, c.window); });
    add("input_gradient", [](const Case& c, const Tensor& x, const Tensor& w, const Tensor& y) { return conv2d_input_gradient(y, w, c.window, x.size(2), x.size(3)); });
    add("weight_gradient", [](const Case& c, const Tensor& x, const Tensor& w, const Tensor& y) { return conv2d_weight_gradient(x, y, c.window, w.size(2), w.size(3)); });
    for (const double density : {0.5, 0.2, 0.1, 0.036})
      benchmark::RegisterBenchmark(fmt::format("convolution/{}/step/packed/{}", c.name, density).c_str(), [&c, density](benchmark::State& state) {
        Random random(1);
        const Tensor x = random.normal(c.x);
        const Tensor mask = cast(random.bernoulli({c.w[0], c.w.numel() / c.w[0]}, density), DType::u8);
        const PatternRef s = pattern_of(mask);
        const Tensor values = random.normal({s->kept()}), y = sparse_conv2d(s, values, c.w, x, {}, c.window);
        for (auto _ : state) {
          benchmark::DoNotOptimize(sparse_conv2d(s, values, c.w, x, {}, c.window));
          benchmark::DoNotOptimize(sparse_conv2d_input_gradient({s, c.window, c.w, x.size(2), x.size(3)}, values, y));
          benchmark::DoNotOptimize(sparse_conv2d_weight_gradient({s, c.window, c.w, x.size(2), x.size(3)}, x, y));
        }
        state.counters["GFLOP/s"] = benchmark::Counter(6e-9 * static_cast<double>(y.numel() / y.size(1) * s->kept()), benchmark::Counter::kIsIterationInvariantRate);
      })->Unit(benchmark::kMicrosecond);
    add("step/dense", [](const Case& c, const Tensor& x, const Tensor& w, const Tensor& y) {
      benchmark::DoNotOptimize(conv2d(x, w, {}, c.window));
      benchmark::DoNotOptimize(conv2d_input_gradient(y, w, c.window, x.size(2), x.size(3)));
      return conv2d_weight_gradient(x, y, c.window, w.size(2), w.size(3));
    }, 3);
  }
  return 0;
}();

}  // namespace
