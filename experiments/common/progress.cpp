#include "experiments/common/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace bonsai::experiments {
namespace {

std::size_t columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

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

// From the steps done since the start; what an earlier run had done took no time of ours.
double Progress::seconds_left() const {
  const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double done = static_cast<double>(steps_done_ - steps_skipped_),
               left = static_cast<double>(steps_ - steps_done_);
  return done > 0 ? passed / done * left : 0;
}

void Progress::draw(const std::string& where) {
  constexpr int width = 20;
  const int full = static_cast<int>(steps_ > 0 ? width * steps_done_ / steps_ : 0);
  std::string line =
      fmt::format("[{}{}] {}/{} {}, {} left | {}", std::string(full, '#'), std::string(width - full, '.'), items_done_,
                  items_, what_, duration(seconds_left()), where);
  line.resize(std::min(line.size(), columns() - 1));  // a line that wraps could not be drawn over
  fmt::print(stderr, "\r{}\033[K", line);
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
  const bool know = items_done_ < items_ && steps_done_ > steps_skipped_;
  fmt::print(stderr, "{}{:>3}/{} {}{}\n", terminal_ ? "\r\033[K" : "", items_done_, items_, line,
             know ? fmt::format(" ({} left)", duration(seconds_left())) : "");
}

}  // namespace bonsai::experiments
