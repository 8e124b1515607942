// How long a training step takes by density: LeNet-300-100, batch 60, Adam, f32, one thread; masked, where the arithmetic stays dense, and
// packed, where the kept weights are all there is. With --peers PyTorch's steps in the same run, in turn with ours.
//
//   ./bonsai bench step_time --peers [--out DIR]     about a minute and a half; without --peers half a minute
//
// Prints a table and the goals, and leaves in DIR (runs/bench) step_time.json, step_time.txt and the figure step_time.png. Every case is
// repeated seven times, in random order over all cases, and its median counts. Times are the processor's for this thread, and PyTorch's
// likewise where it has one thread: on an idle machine the same as a stopwatch's, on a busy one much less noisy.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "core/cpu/cpu.h"
#include "core/files.h"
#include "experiments/common/figures.h"
#include "experiments/common/program.h"
#include "tests/bench/cases.h"
#include "tests/bench/peak/multiply_add.h"
#include "tests/bench/step_time/peer.h"
#include "tests/bench/step_time/report.h"

namespace {

using namespace bonsai;
using namespace bonsai::bench;

void dense_step(benchmark::State& state) { train_step(state, std::nullopt, false); }
void masked_step(benchmark::State& state, double density) { train_step(state, density, false); }
void packed_step(benchmark::State& state, double density) { train_step(state, density, true); }

// The core's peak on the instruction set that ours runs on.
void multiply_adds(benchmark::State& state) {
  const std::string isa = cpu_instruction_set();
  auto loop = baseline::multiply_add;
  double flops = baseline::multiply_add_flops();
#ifdef BONSAI_X86
  if (isa == "avx2") loop = avx2::multiply_add, flops = avx2::multiply_add_flops();
  if (isa == "avx512") loop = avx512::multiply_add, flops = avx512::multiply_add_flops();
#endif
  constexpr std::int64_t rounds = 10000;
  float a = 0.999f, b = 0.001f;
  benchmark::DoNotOptimize(a);
  benchmark::DoNotOptimize(b);
  for (auto _ : state) benchmark::DoNotOptimize(loop(rounds, a, b));
  state.counters["GFLOP/s"] = benchmark::Counter(1e-9 * flops * rounds, benchmark::Counter::kIsIterationInvariantRate);
}

std::unique_ptr<Peer> peer;  // started when it is first asked

void torch_step(benchmark::State& state, const std::string& arm) {
  if (!peer) peer = std::make_unique<Peer>(BONSAI_SOURCE_DIR "/tests/peers/train_step.py");
  for (auto _ : state) state.SetIterationTime(std::stod(peer->ask(arm + " 0.15")));
}

int register_cases(bool peers) {  // how many
  int count = 0;
  auto add = [&](const std::string& name, auto function, auto... arguments) {
    ++count;
    return benchmark::RegisterBenchmark(name.c_str(), function, arguments...)->Unit(benchmark::kMicrosecond);
  };
  add(step_name + "unmasked", dense_step);
  for (const double d : densities) {
    add(fmt::format("{}masked/{}", step_name, d), masked_step, d);
    add(fmt::format("{}packed/{}", step_name, d), packed_step, d);
  }
  add(product_name + "dense", dense_forward);
  for (const double d : product_densities) add(fmt::format("{}{}", product_name, d), sparse_forward, d);
  add("multiply_add", multiply_adds);
  if (!peers) return count;
  auto ask = [&](const std::string& arm) { add(torch_name + arm, torch_step, arm)->UseManualTime()->Iterations(1); };
  for (const std::string& s : torch_settings) ask("dense/" + s);
  for (const std::string& kind : torch_masks)
    for (const double d : densities) ask(fmt::format("masked/{}/{}", kind, d));
  return count;
}

void run(int argc, char** argv) {
  Results results(argc, argv, {"--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=7", "--benchmark_min_time=0.1"});
  bool peers = false;
  std::string out = "runs/bench", command = "./bonsai bench step_time";
  for (std::size_t i = 0; i < results.rest().size(); ++i) {
    const std::string& word = results.rest()[i];
    if (word == "--peers") peers = true;
    else if (word == "--out" && i + 1 < results.rest().size()) out = results.rest()[++i];
    else if (word.starts_with("--out=")) out = word.substr(6);
    else fail("unknown option {}; there are --peers, --out DIR and Google Benchmark's, which begin with --benchmark_", word);
  }
  if (peers) command += " --peers";
  if (const char* isa = std::getenv("BONSAI_ISA")) command = fmt::format("BONSAI_ISA={} {}", isa, command);
  const int cases = register_cases(peers);
  if (!results.listing()) {
    experiments::require_gnuplot();
    create_folders(out);
    fmt::print(stderr, "step_time: {} cases, seven times each: {}\n", cases, peers ? "about 100 seconds" : "about 30 seconds");
  }
  results.run();
  if (results.empty()) return;  // the cases were listed, or the filter chose none

  StepTime measured(results);
  measured.command = command;
  if (peer) measured.torch = peer->about();
  const std::string text = measured.table() + "\n" + measured.goals();
  std::fputs(text.c_str(), results.console() ? stdout : stderr);
  const std::filesystem::path folder = out;
  write_whole(folder / "step_time.txt", text);
  write_whole(folder / "step_time.json", measured.json());
  measured.draw(folder);
  fmt::print(results.console() ? stdout : stderr, "\n{}: step_time.png, .svg, .txt, .json\n", out);
}

}  // namespace

int main(int argc, char** argv) {
  return experiments::program("bench_step_time", [&] { run(argc, argv); });
}
