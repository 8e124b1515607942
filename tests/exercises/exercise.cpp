// Runs the cases of one exercise (exercise.h), each in a process of its own, so that a crash, an endless loop or a mountain of memory ends that case and
// nothing else.
//
//   PROGRAM [--seed N] [--expect given|answer] [NAME]
//
// Exits 0 when all cases pass and 2 when not. --expect is for the proof: `answer`, all must pass; `given`, all must fail, and cleanly: with a difference or
// "not written yet", not by a crash. NAME: the cases of NAME.cpp, where a program holds several exercises. A case has 5 seconds, or as many as
// BONSAI_EXERCISE_SECONDS says.
#include "tests/exercises/exercise.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace bonsai::exercise {
namespace {

struct Case {
  std::string title, exercise;
  void (*run)();
};
std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct NotWritten {};

std::uint64_t seed = 1;
std::string title_now, notes;

std::string at(const Shape& shape, std::int64_t flat) {  // "(1, 2)", "3" of a vector, nothing of a single number
  if (shape.rank() == 0) return "the result";
  if (shape.rank() == 1) return fmt::format("entry {}", flat);
  Shape where = shape;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    where[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return fmt::format("entry {}", where);
}

std::string shown(double x) { return std::isnan(x) ? "NaN" : fmt::format("{:.10g}", x); }

// What became of a case. The first letter of what its process writes to the pipe says which; a process that ends without a word crashed.
enum class End : char { passed = 'p', differs = 'd', unwritten = 'u', threw = 't', crashed = 'c', stopped = 's' };
struct Outcome {
  End end;
  std::string message;
};

Outcome attempt(const Case& c) {
  title_now = c.title;
  try {
    c.run();
    return {End::passed, notes};
  } catch (const NotWritten&) {
    return {End::unwritten, "not written yet"};
  } catch (const Failed& e) {
    return {End::differs, e.what()};
  } catch (const std::bad_alloc&) {
    return {End::threw, "wanted more memory than it may have (8 GiB)"};
  } catch (const std::exception& e) {
    return {End::threw, fmt::format("threw: {}", e.what())};
  } catch (...) {
    return {End::threw, "threw something that is no std::exception"};
  }
}

double seconds_allowed() {
  const char* said = std::getenv("BONSAI_EXERCISE_SECONDS");
  return said && std::atof(said) > 0 ? std::atof(said) : 5;
}

Outcome in_a_process(const Case& c) {
  int ends[2];
  require(::pipe(ends) == 0, "exercise: no pipe: {}", std::strerror(errno));
  std::fflush(nullptr);
  const pid_t child = ::fork();
  require(child >= 0, "exercise: no process: {}", std::strerror(errno));
  if (child == 0) {
    ::close(ends[0]);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const rlimit memory{rlim_t{8} << 30, rlim_t{8} << 30};
    ::setrlimit(RLIMIT_AS, &memory);
#endif
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    const Outcome o = attempt(c);
    const std::string said = static_cast<char>(o.end) + o.message.substr(0, 4000);
    std::fflush(nullptr);
    const ssize_t written = ::write(ends[1], said.data(), said.size());
    ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  const double allowed = seconds_allowed();
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(allowed);
  bool late = false;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd readable{ends[0], POLLIN, 0};
    if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) == 0) {
      late = true;
      ::kill(child, SIGKILL);
      break;
    }
    char buffer[4096];
    const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
    if (n <= 0) break;
    said.append(buffer, n);
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (late) return {End::stopped, fmt::format("stopped after {:g} seconds: does it loop for ever?", allowed)};
  if (!said.empty()) return {static_cast<End>(said[0]), said.substr(1)};
  if (WIFSIGNALED(status)) return {End::crashed, fmt::format("crashed: {}", ::strsignal(WTERMSIG(status)))};
  return {End::crashed, fmt::format("ended the program with status {} and no answer", WEXITSTATUS(status))};
}

int run(int argc, char** argv) {
  std::string name, expect;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    auto value = [&] {
      require(i + 1 < argc, "exercise: {} needs a value", a);
      return std::string(argv[++i]);
    };
    if (a == "--seed") {
      const std::string text = value();
      require(!text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos, "exercise: --seed {} is no whole number", text);
      seed = std::stoull(text);
    } else if (a == "--expect") {
      expect = value();
      require(expect == "given" || expect == "answer", "exercise: --expect is given or answer, not {}", expect);
    } else name = a;
  }
  int all = 0, passed = 0, unclean = 0;
  bool stopped = false;
  for (const Case& c : cases()) {
    if (!name.empty() && c.exercise != name) continue;
    ++all;
    const Outcome o = stopped ? Outcome{End::stopped, "not run, after what was stopped above"} : in_a_process(c);
    stopped |= o.end == End::stopped;
    passed += o.end == End::passed;
    unclean += o.end != End::passed && o.end != End::differs && o.end != End::unwritten;
    if (o.end == End::passed) {
      fmt::print("  pass  {}\n", c.title);
      std::size_t begin = 0;
      for (std::size_t end; (end = o.message.find('\n', begin)) != std::string::npos; begin = end + 1)
        fmt::print("          {}\n", o.message.substr(begin, end - begin));
    } else fmt::print("  FAIL  {}: {}\n", c.title, o.message);
    std::fflush(stdout);
  }
  require(all > 0, "exercise: no case{}", name.empty() ? "" : " of " + name);
  if (expect == "given") {
    fmt::print("as given {} of {} cases fail, {} of them uncleanly; all must, and none\n", all - passed, all, unclean);
    return passed == 0 && unclean == 0 ? 0 : 1;
  }
  fmt::print("{} of {} cases pass\n", passed, all);
  return passed == all ? 0 : 2;
}

}  // namespace

Registered::Registered(const char* title, const char* file, void (*run)()) { cases().push_back({title, std::filesystem::path(file).stem(), run}); }

void todo() { throw NotWritten(); }

Random seeded() { return Random(seed).derive(title_now); }

void note(const std::string& line) { notes += line + "\n"; }

std::string text(const std::vector<double>& numbers) {
  std::string out = "(";
  for (std::size_t i = 0; i < numbers.size(); ++i) out += fmt::format("{}{:.6g}", i > 0 ? ", " : "", numbers[i]);
  return out + ")";
}
std::string text(const Tensor& numbers) {
  std::vector<double> v;
  for (std::int64_t i = 0; i < numbers.numel(); ++i) v.push_back(numbers.at(i));
  return text(v);
}

void check(const Tensor& got, const Tensor& want, const std::string& what) {
  const std::string of = what.empty() ? "" : what + ": ";
  must(got.defined(), "{}an undefined tensor came back", of);
  must(got.shape() == want.shape(), "{}the shape is {}, and should be {}", of, got.shape(), want.shape());
  must(got.dtype() == want.dtype(), "{}the numbers are {}, and should be {}", of, name(got.dtype()), name(want.dtype()));
  std::int64_t wrong = 0, first = -1;
  for (std::int64_t i = 0; i < want.numel(); ++i) {
    const double g = got.at(i), w = want.at(i);
    const double tolerance = want.dtype() == DType::f64 ? 1e-9 * std::max(1.0, std::abs(w)) : want.dtype() == DType::f32 ? 1e-5 * std::max(1.0, std::abs(w)) : 0;
    if (g == w || std::abs(g - w) <= tolerance) continue;  // (a NaN on either side gets no further: no comparison with it is true)
    if (first < 0) first = i;
    ++wrong;
  }
  if (wrong == 0) return;
  std::string message = fmt::format("{}{} is {}, and should be {}", of, at(want.shape(), first), shown(got.at(first)), shown(want.at(first)));
  if (want.numel() > 1) message += fmt::format("; {} of {} differ", wrong, want.numel());
  throw Failed(message);
}

}  // namespace bonsai::exercise

int main(int argc, char** argv) {
  try {
    return bonsai::exercise::run(argc, argv);
  } catch (const bonsai::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
