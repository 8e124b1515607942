#include "prune/warning.h"

#include <fmt/core.h>

#include <cstdio>
#include <mutex>
#include <utility>

namespace bonsai::prune {
namespace {

std::mutex guard;  // trainings run side by side
WarningSink current;

}  // namespace

WarningSink set_warning_sink(WarningSink sink) {
  const std::lock_guard lock(guard);
  return std::exchange(current, std::move(sink));
}

void warn(const std::string& line) {
  WarningSink sink;
  {
    const std::lock_guard lock(guard);
    sink = current;
  }
  if (sink) sink(line);
  else fmt::print(stderr, "{}\n", line);
}

}  // namespace bonsai::prune
