// The memory of a training, measured: what LeNet-300-100 under Adam keeps from step to step, by density, masked and packed; and how often a
// step asks the system for more. `./bonsai bench memory`.
//
//   masked   17 bytes a weight, pruned or not: the weight, its gradient, Adam's two moments, a byte of mask
//   packed   the same four for the kept weights, and their places by rows and by columns (core/sparse.h); nothing for the others
//
// Counted are the pool's bytes (core/memory.h) and those of operator new, which this program replaces by one that counts.
#include <fmt/core.h>

#include "tests/bench/cases.h"
#include "tests/bench/memory/heap.h"
#include "tests/bench/results.h"

namespace {

using namespace bonsai;
using namespace bonsai::bench;

const std::vector<double> densities{1, 0.8, 0.64, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.036, 0.02, 0.01};

// What is alive when two steps have been taken, when a third has its gradients, and when the network alone is left.
void bytes(benchmark::State& state, double density, bool packed) {
  const datasets::Dataset data = noise(60);  // few, so that nothing but the training is large
  auto alive = [] { return static_cast<double>(pool_live_bytes() + heap_bytes()); };
  for (auto _ : state) {
    const double before = alive();
    LeNet training(data, density, packed);
    for (int i = 0; i < 2; ++i) training.step();
    const double between_steps = alive();
    training.gradients();
    const double total = alive();
    training.move();
    training.end();
    const double network = alive();
    state.counters["weights"] = network - before;
    state.counters["moments"] = between_steps - network;
    state.counters["gradients"] = total - between_steps;
    state.counters["total"] = total - before;
  }
}

// Blocks from the system for the pool, and calls of operator new, in a step, when 20 steps have been taken: over a hundred of them.
void allocations(benchmark::State& state, std::optional<double> density, bool packed) {
  const datasets::Dataset data = noise(60000);
  LeNet training(data, density, packed);
  for (int i = 0; i < 20; ++i) training.step();
  for (auto _ : state) {
    const std::uint64_t blocks = pool_system_allocations();
    const std::int64_t calls = heap_calls();
    for (int i = 0; i < 100; ++i) training.step();
    const double from_pool = static_cast<double>(pool_system_allocations() - blocks), from_heap = static_cast<double>(heap_calls() - calls);
    state.counters["pool"] = from_pool / 100;
    state.counters["heap"] = from_heap / 100;
  }
}

std::string name(const char* what, const char* form, double density) { return fmt::format("{}/lenet_300_100/{}/{}", what, form, density); }
const char* const step_names[] = {"allocations/lenet_300_100/dense", "allocations/lenet_300_100/masked/0.1", "allocations/lenet_300_100/packed/0.1"};

void print(const Results& r, std::FILE* to) {
  fmt::print(to, "What a training of LeNet-300-100 with Adam (f32) keeps from step to step, in kilobytes: weights with their masks or patterns, gradients, moments\n\n");
  fmt::print(to, "{:>8}  {:>8}  {:>8}  {:>7}    packed: {:>8}  {:>9}  {:>8}\n", "density", "masked", "packed", "share", "weights", "gradients", "moments");
  for (const double d : densities) {
    const std::string masked = name("memory", "masked", d), packed = name("memory", "packed", d);
    auto kb = [&](const std::string& who, const char* which) { return r.counter(who, which) / 1000; };
    fmt::print(to, "{:>8}  {:>8.1f}  {:>8.1f}  {:>6.1f}%            {:>8.1f}  {:>9.1f}  {:>8.1f}\n", d, kb(masked, "total"), kb(packed, "total"),
               100 * kb(packed, "total") / kb(masked, "total"), kb(packed, "weights"), kb(packed, "gradients"), kb(packed, "moments"));
  }
  fmt::print(to, "\nAsked of the system in a step, after 20 (the goal: nothing)\n\n{:<38}  {:>11}  {:>12}\n", "", "pool blocks", "operator new");
  for (const char* n : step_names) {
    const double pool = r.counter(n, "pool"), heap = r.counter(n, "heap");
    fmt::print(to, "{:<38}  {:>11.2f}  {:>12.2f}  {}\n", n, pool, heap, pool == 0 && heap == 0 ? "met" : pool >= 0 && heap >= 0 ? "missed" : "not measured");
  }
}

}  // namespace

int main(int argc, char** argv) {
  Results results(argc, argv, {});
  if (!results.rest().empty()) {
    fmt::print(stderr, "bench_memory: unknown option {}; there are Google Benchmark's, which begin with --benchmark_\n", results.rest()[0]);
    return 2;
  }
  for (const double d : densities) {
    benchmark::RegisterBenchmark(name("memory", "masked", d).c_str(), bytes, d, false)->Iterations(1);
    benchmark::RegisterBenchmark(name("memory", "packed", d).c_str(), bytes, d, true)->Iterations(1);
  }
  benchmark::RegisterBenchmark(step_names[0], allocations, std::nullopt, false)->Iterations(1);
  benchmark::RegisterBenchmark(step_names[1], allocations, 0.1, false)->Iterations(1);
  benchmark::RegisterBenchmark(step_names[2], allocations, 0.1, true)->Iterations(1);
  results.run();
  if (!results.empty()) print(results, results.console() ? stdout : stderr);
}
