#include "experiments/common/program.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>

#include "core/error.h"
#include "core/files.h"

namespace bonsai::experiments {

int program(const char* name, const std::function<void()>& body) {
  std::signal(SIGXFSZ, SIG_IGN);  // beyond `ulimit -f` a write fails, and says so, instead of killing the program
  try {
    body();
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s: %s\n", name, printable(e.what(), 4000).c_str());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: internal error: %s\n", name, printable(e.what(), 4000).c_str());
    return 1;
  }
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace bonsai::experiments
