#include "experiments/common/program.h"

#include <cstdio>
#include <exception>

#include "core/error.h"

namespace bonsai::experiments {

int program(const char* name, const std::function<void()>& body) {
  try {
    body();
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s: %s\n", name, e.what());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: internal error: %s\n", name, e.what());
    return 1;
  }
}

}  // namespace bonsai::experiments
