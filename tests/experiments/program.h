// Starts an experiment as a user would: arguments in; output, exit status and time out. Can kill it, give it a terminal, or
// take away its disk.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "datasets/published.h"
#include "tests/files_support.h"

namespace bonsai::test {

namespace fs = std::filesystem;

struct Call {
  std::vector<std::string> args;
  std::map<std::string, std::string> environment = {};
  fs::path folder = ".";  // where it starts
  double kill_after = 0;  // seconds; 0: never
  bool terminal = false;  // stderr is one
  rlim_t file_size = 0;   // no file may grow beyond; 0: any
  std::string program = "lth_mnist";
};

struct Outcome {
  int status = -1;  // exit status; 128 + signal
  std::string out, err;
  double seconds = 0;
  bool killed() const { return status == 128 + SIGKILL; }
};

inline Outcome run(const Call& call) {
  const TemporaryFolder scratch;
  const std::string out = scratch / "out", err = scratch / "err";
  int master = -1;
  std::string slave;
  if (call.terminal) {
    master = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) throw std::runtime_error("no pseudo terminal");
    slave = ::ptsname(master);
    ::fcntl(master, F_SETFL, O_NONBLOCK);
  }
  const fs::path file = fs::path(BONSAI_BIN_DIR) / call.program;
  std::vector<char*> argv{const_cast<char*>(file.c_str())};
  for (const std::string& a : call.args) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);

  const auto began = std::chrono::steady_clock::now();
  auto passed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is stopped leaves no program behind
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT, 0644), STDOUT_FILENO);
    ::dup2(::open((call.terminal ? slave : err).c_str(), O_WRONLY | O_CREAT | O_NOCTTY, 0644), STDERR_FILENO);
    for (auto& [name, value] : call.environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (call.file_size > 0) {
      const rlimit limit{call.file_size, call.file_size};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (::chdir(call.folder.c_str()) == 0) ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  Outcome o;
  int status = 0;
  char buffer[4096];
  for (bool ended = false; !ended;) {
    ended = ::waitpid(child, &status, WNOHANG) == child;
    if (!ended && call.kill_after > 0 && passed() > call.kill_after) ::kill(child, SIGKILL);
    for (ssize_t n; master >= 0 && (n = ::read(master, buffer, sizeof buffer)) > 0;) o.err.append(buffer, n);
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  o.seconds = passed();
  o.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  o.out = get(out);
  if (master >= 0)
    ::close(master);
  else
    o.err = get(err);
  return o;
}

// The refusal that every mistake gets: exit 2 and one line that begins with the program's name and says `fragment`.
inline void expect_refused(const Outcome& o, const std::string& fragment, const std::string& program = "lth_mnist") {
  EXPECT_EQ(o.status, 2) << o.err;
  EXPECT_TRUE(o.err.starts_with(program + ": ")) << o.err;
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  EXPECT_NE(o.err.find(fragment), std::string::npos) << o.err << "  does not hold: " << fragment;
}

// All files below a folder, by path, with their bytes.
inline std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = get(entry.path());
  return files;
}

inline void expect_same(const fs::path& ours, const fs::path& reference,
                        const std::set<std::string>& except = {"timing.json"}) {
  const auto a = contents(ours), b = contents(reference);
  for (auto& [name, bytes] : b) {
    EXPECT_TRUE(a.contains(name)) << name << " is missing in " << ours;
    EXPECT_TRUE(!a.contains(name) || except.contains(name) || a.at(name) == bytes) << name << " differs";
  }
  for (auto& [name, bytes] : a) EXPECT_TRUE(b.contains(name)) << name << " should not be in " << ours;
}

// A run of a few seconds: two rounds, short trainings. (Under a sanitizer, an evaluation on 10,000 images takes seconds itself.)
inline std::vector<std::string> small(std::vector<std::string> more) {
  std::vector<std::string> args{"--iterations",          "60",           "--rounds", "2", "--evaluate-every",
                                sanitized ? "60" : "30", "--validation", "500"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

inline bool have(const char* set) {
  const fs::path folder = datasets::data_directory("") / set;
  return fs::exists(folder / "train-images-idx3-ubyte") && fs::exists(folder / "t10k-labels-idx1-ubyte");
}
#define NEEDS_MNIST() \
  if (!have("mnist")) \
  GTEST_SKIP() << "MNIST is not in " << datasets::data_directory("") << "; ./bonsai data mnist fetches it"
#define NEEDS_CIFAR()                                                          \
  if (!fs::exists(datasets::data_directory("") / "cifar-10/data_batch_1.bin")) \
  GTEST_SKIP() << "CIFAR-10 is not in " << datasets::data_directory("") << "; ./bonsai data cifar-10 fetches it"

}  // namespace bonsai::test
