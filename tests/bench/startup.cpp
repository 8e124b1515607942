// What one waits for before the first figure of a step: a program's start, and the first training step of a process, which fills the pool
// and touches every page for the first time. `./bonsai bench startup`.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "tests/bench/cases.h"

namespace {

using namespace bonsai;

// Starts `program --help` and waits for its end: loading, static initialisers, the options' parser.
void help(benchmark::State& state) {
  std::string program = BONSAI_BIN_DIR "/lth_mnist", option = "--help";
  char* argv[] = {program.data(), option.data(), nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  for (auto _ : state) {
    pid_t child = -1;
    int status = -1;
    if (posix_spawn(&child, program.c_str(), &quiet, nullptr, argv, environ) == 0) waitpid(child, &status, 0);
    if (status != 0) state.SkipWithError("lth_mnist --help failed; build it: ./bonsai build");
  }
  posix_spawn_file_actions_destroy(&quiet);
}
BENCHMARK(help)->Name("startup/lth_mnist/help")->Unit(benchmark::kMillisecond)->UseRealTime();

// A child of this process, whose pool is still empty, makes LeNet-300-100 and takes steps, dense. The time is the first step's;
// the counter `twentieth_us` is what a step takes by then.
void first_step(benchmark::State& state) {
  double twentieth = 0;
  for (auto _ : state) {
    double seconds[20] = {};
    int ends[2];
    if (pipe(ends) != 0) return state.SkipWithError("no pipe left");
    const pid_t child = fork();
    if (child == 0) {
      bench::LeNet training(bench::noise(600), std::nullopt);
      for (double& s : seconds) {
        const auto began = std::chrono::steady_clock::now();
        training.step();
        s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      }
      _exit(write(ends[1], seconds, sizeof seconds) == sizeof seconds ? 0 : 1);
    }
    close(ends[1]);
    const bool whole = read(ends[0], seconds, sizeof seconds) == sizeof seconds;
    close(ends[0]);
    waitpid(child, nullptr, 0);
    if (!whole) return state.SkipWithError("the child that was to train has failed");
    state.SetIterationTime(seconds[0]);
    twentieth = seconds[19];
  }
  state.counters["twentieth_us"] = 1e6 * twentieth;
}
BENCHMARK(first_step)->Name("startup/first_step")->Unit(benchmark::kMicrosecond)->UseManualTime()->Iterations(50);

}  // namespace
