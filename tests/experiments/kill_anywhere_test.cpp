// The systematic half of "killed at any moment": this program puts its own rename, mkdir and remove in front of the C
// library's, and dies by SIGKILL just before or just after the n-th of them, for every n. Each death is followed by a
// resume, which must leave the bytes of a run that was never stopped. On a toy set, so that hundreds of deaths take
// seconds.
#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "datasets/batches.h"
#include "datasets/toys.h"
#include "experiments/common/jobs.h"
#include "experiments/common/trainings.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "prune/recovery/rewind.h"
#include "prune/registry.h"
#include "tests/experiments/arguments.h"
#include "tests/files_support.h"

namespace {

std::atomic<int> calls{0}, deadly{-1};  // 2n: before the n-th call, 2n + 1: after it

template <class... Args>
int or_die(const char* name, Args... args) {
  auto real = reinterpret_cast<int (*)(Args...)>(::dlsym(RTLD_NEXT, name));
  const int n = calls++;
  if (deadly == 2 * n) ::raise(SIGKILL);
  const int result = real(args...);
  const int error = errno;
  if (deadly == 2 * n + 1) ::raise(SIGKILL);
  errno = error;
  return result;
}

}  // namespace

extern "C" {
int rename(const char* from, const char* to) noexcept { return or_die("rename", from, to); }
int mkdir(const char* path, mode_t mode) noexcept { return or_die("mkdir", path, mode); }
int remove(const char* path) noexcept { return or_die("remove", path); }
}

namespace bonsai::test {
namespace {

using namespace bonsai::experiments;

std::unique_ptr<nn::Sequential> network() {
  auto net = std::make_unique<nn::Sequential>();
  net->add<nn::Linear>("fc1", 2, 6).add<nn::ReLU>("relu").add<nn::Linear>("fc2", 6, 2);
  return net;
}

// A small lottery: dense, ticket at level 1 (rewound to step 5), and the control; fc1 is packed there, fc2 masked.
void lottery(const std::filesystem::path& out, int workers) {
  Options o("toy", "", 1);
  parse(o, {"--out", out.string(), "--resume"});
  RunFolder folder(o, "toy");
  folder.begin();
  const datasets::Dataset data = datasets::spirals(20, 2, 0.05, Random(1));
  const Recipe recipe{
      .network = network,
      .optimizer = [](std::vector<nn::Parameter*> p) { return std::make_unique<nn::Adam>(std::move(p)); },
      .rate = nn::constant(0.01),
      .iterations = 12,
      .evaluate_every = 6,
      .checkpoint_every = 3,
      .validation = {data.inputs, data.labels},
      .test = {data.inputs, data.labels},
      .sparse_threshold = 0.7};
  const TrainingId dense{0, "ticket", 0, 0}, ticket{0, "ticket", 0, 1}, reinit{0, "reinit", 0, 1};
  Progress progress("trainings", 3, 36);
  const Trainings trainings(recipe, folder, progress, {dense, ticket, reinit});
  Jobs jobs(workers, 1);
  jobs.chain([&] {
    auto net = network();
    nn::initialize(*net, {}, Random(2));
    auto batches = [&](int stream) { return datasets::Batches(data, 10, Random(stream)); };
    Training t;
    jobs.run([&] {
      t = trainings.run(dense, {.values = prune::snapshot(net->parameters()),
                                .masks = {},
                                .batches = batches(3),
                                .keep_values_at = 5,
                                .keep_final = true});
    });
    prune::rewind(net->parameters(), t.final_values);
    prune::prune_step(prune::method("magnitude"), {prune::prunable(*net), Random(0)}, {0.5, 0.25});
    std::vector<Tensor> masks;
    for (nn::Parameter* p : net->parameters()) masks.push_back(p->mask());
    auto fresh = network();
    nn::initialize(*fresh, {}, Random(4));
    jobs.later([&trainings, reinit,
                start = Start{.values = prune::snapshot(fresh->parameters()), .masks = masks, .batches = batches(5)}] {
      trainings.run(reinit, start);
    });
    jobs.run([&] {
      trainings.run(
          ticket, {.values = t.kept_values, .masks = masks, .batches = batches(6), .iteration = 5, .keep_final = true});
    });
  });
  jobs.wait();
}

// In a child process, quietly. Returns its wait status.
int lottery_apart(const std::filesystem::path& out, int workers, int dies_at, int* calls_made = nullptr) {
  int pipe[2];
  if (::pipe(pipe) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stderr)) ::_exit(3);
    calls = 0;
    deadly = dies_at;
    int status = 0;
    try {
      lottery(out, workers);
    } catch (...) { status = 2; }
    const int made = calls;
    if (::write(pipe[1], &made, sizeof made) != sizeof made) status = 3;
    ::_exit(status);
  }
  int status = 0, made = 0;
  ::waitpid(child, &status, 0);
  ::close(pipe[1]);
  if (::read(pipe[0], &made, sizeof made) == sizeof made && calls_made) *calls_made = made;
  ::close(pipe[0]);
  return status;
}

std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != "timing.json")
      files[std::filesystem::relative(entry.path(), folder).string()] = get(entry.path());
  return files;
}

void die_everywhere(int workers) {
  const TemporaryFolder at;
  int made = 0;
  ASSERT_EQ(lottery_apart(at / "reference", workers, -1, &made), 0);
  const auto reference = contents(at / "reference");
  ASSERT_GT(made, 20) << "the wrappers are not in place";
  ASSERT_EQ(reference.size(), 8u);  // config.json, results.csv, 3 parts, 3 checkpoints
  for (int n = 0; n < 2 * made; ++n) {
    SCOPED_TRACE(fmt::format("killed {} file operation {} of {}", n % 2 ? "after" : "before", n / 2, made));
    const std::filesystem::path out = at / "killed";
    const int death = lottery_apart(out, workers, n);
    ASSERT_TRUE(WIFSIGNALED(death) || (workers > 1 && death == 0))
        << death;  // (side by side, the number of operations can vary)
    ASSERT_TRUE(reference.at("results.csv").starts_with(get(out / "results.csv"))) << "results.csv is not a prefix";
    ASSERT_EQ(lottery_apart(out, workers, -1), 0);
    ASSERT_TRUE(contents(out) == reference);
    std::filesystem::remove_all(out);
  }
}

TEST(kill_anywhere, one_job) { die_everywhere(1); }
TEST(kill_anywhere, two_jobs) { die_everywhere(2); }

// The same lottery, in this process: what the thread sanitizer looks at.
TEST(kill_anywhere, jobs_side_by_side_agree) {
  const TemporaryFolder at;
  lottery(at / "one", 1);
  lottery(at / "three", 3);
  auto one = contents(at / "one"), three = contents(at / "three");
  one.erase("config.json"), three.erase("config.json");
  EXPECT_TRUE(one == three);
}

}  // namespace
}  // namespace bonsai::test
