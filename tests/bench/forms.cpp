// Masked or packed: at which density does a pruned layer's training step take as long in either form? `./bonsai bench forms`. Steps of one
// Linear layer (forward, backward, Adam; batch 60, one thread) by density, and from them the table of nn/forms.cpp as this machine would
// have it, beside the committed one. Run it on a quiet machine.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <cmath>

#include "nn/forms.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/optimizers.h"
#include "tests/bench/results.h"

namespace {

using namespace bonsai;

constexpr double densities[] = {0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05};  // falling
struct Size {
  std::int64_t out, in;
  std::string str() const { return fmt::format("{}x{}", out, in); }
};
const Size sizes[] = {{10, 100}, {32, 128}, {100, 100}, {100, 300}, {300, 784}, {1000, 1000}};

// The layer as it stands in LeNet: the first one (784 pixels) turns the batch to columns if it is packed and nobody asks for its input's
// gradient; one further on finds columns already.
void step(benchmark::State& state, Size size, double density, bool packed) {
  const Random random(1);
  nn::Linear layer(size.in, size.out);
  nn::initialize(layer, {}, random.derive("init"));
  layer.weight().set_mask(cast(random.derive("mask").bernoulli({size.out, size.in}, density), DType::u8));
  if (packed) layer.weight().pack();
  nn::Adam adam(layer.parameters());
  const bool first = size.in == 784;
  const Tensor rows = random.derive("x").normal({60, size.in}), dy = random.derive("dy").normal({60, size.out});
  Tensor x = packed && !first ? to_columns(rows) : rows;
  x.requires_grad(!first);
  const Tensor seed = packed ? to_columns(dy) : dy;
  for (auto _ : state) {
    backward(!packed ? layer(x) : layer.forward_columns(first ? to_columns(x) : x), {.seed = seed});
    adam.step(1e-3);
    x.clear_grad();
  }
}

std::string masked_name(Size size) { return fmt::format("forms/{}/masked", size.str()); }
std::string packed_name(Size size, double density) { return fmt::format("forms/{}/packed/{}", size.str(), density); }

// packed / masked; NaN if one of them was not asked for
double ratio(const bench::Results& r, Size size, double density) { return r.seconds(packed_name(size, density)) / r.seconds(masked_name(size)); }

// Below which density packed wins: between the largest at which it does and the next, on the straight line between their ratios.
double crossover(const bench::Results& r, Size size) {
  double last = std::nan(""), last_ratio = last;
  for (const double d : densities) {
    const double now = ratio(r, size, d);
    if (std::isnan(now)) return now;
    if (now <= 1) return std::isnan(last) ? d : d + (last - d) * (1 - now) / (last_ratio - now);
    last = d, last_ratio = now;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Results results(argc, argv, {"--benchmark_repetitions=3", "--benchmark_min_time=0.1"});
  if (!results.rest().empty()) {
    fmt::print(stderr, "bench_forms: unknown option {}; there are Google Benchmark's, which begin with --benchmark_\n", results.rest()[0]);
    return 2;
  }
  for (const Size size : sizes) {
    benchmark::RegisterBenchmark(masked_name(size).c_str(), step, size, 0.5, false)->Unit(benchmark::kMicrosecond);
    for (const double d : densities) benchmark::RegisterBenchmark(packed_name(size, d).c_str(), step, size, d, true)->Unit(benchmark::kMicrosecond);
  }
  results.run();
  if (results.empty() || !results.console()) return 0;  // only their names, or JSON, were asked for
  fmt::print("step time, packed / masked, by density; and the density below which packed is faster\n{:>10}", "out x in");
  for (const double d : densities) fmt::print("{:>7}", d);
  fmt::print("{:>10}{:>11}\n", "measured", "committed");
  for (const Size size : sizes) {
    fmt::print("{:>10}", size.str());
    for (const double d : densities) fmt::print("{:>7.2f}", ratio(results, size, d));
    fmt::print("{:>10.2f}{:>11}\n", crossover(results, size), nn::packing_threshold({size.out, size.in}));
  }
}
