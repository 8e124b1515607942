#include "experiments/common/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace bonsai::experiments {

std::string duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::ceil(seconds));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

Progress::Progress(std::string what, std::int64_t items, std::int64_t steps)
    : what_(std::move(what)), items_(items), steps_(steps), terminal_(isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

double Progress::seconds_left() const {
  const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double done = static_cast<double>(steps_done_ - steps_skipped_), left = static_cast<double>(steps_ - steps_done_);
  return done > 0 ? passed / done * left : 0;
}

void Progress::draw(const std::string& where) {
  constexpr int width = 24;
  const int full = static_cast<int>(steps_ > 0 ? width * steps_done_ / steps_ : 0);
  fmt::print(stderr, "\r\033[K[{}{}] {}/{} {}  {}  {} left", std::string(full, '#'), std::string(width - full, '.'), items_done_, items_, what_, where,
             duration(seconds_left()));
  std::fflush(stderr);
}

void Progress::advance(std::int64_t steps, const std::string& where) {
  std::lock_guard lock(mutex_);
  steps_done_ += steps;
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  draw(where);
}

void Progress::skip(std::int64_t steps) {
  std::lock_guard lock(mutex_);
  steps_done_ += steps;
  steps_skipped_ += steps;
}

void Progress::finish_item(const std::string& line) {
  std::lock_guard lock(mutex_);
  ++items_done_;
  if (terminal_) fmt::print(stderr, "\r\033[K");
  fmt::print(stderr, "{:>4}/{} {}{}\n", items_done_, items_, line, items_done_ < items_ && steps_done_ > steps_skipped_ ? fmt::format("  ({} left)", duration(seconds_left())) : "");
}

}  // namespace bonsai::experiments
