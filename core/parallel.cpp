#include "core/parallel.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"

namespace bonsai {
namespace {

class Team {
 public:
  explicit Team(int helpers) {
    for (int i = 0; i < helpers; ++i) helpers_.emplace_back([this](std::stop_token stop) { help(stop); });
  }
  ~Team() {
    for (auto& h : helpers_) h.request_stop();
    wake_.notify_all();
  }
  int size() const { return static_cast<int>(helpers_.size()) + 1; }

  void run(std::int64_t tiles, void (*tile)(void*, std::int64_t), void* work) {
    {
      std::lock_guard lock(mutex_);
      tile_ = tile;
      work_ = work;
      tiles_ = tiles;
      next_ = 0;
      busy_ = static_cast<int>(helpers_.size());
      error_ = nullptr;
      ++round_;
    }
    wake_.notify_all();
    take_tiles();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return busy_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void take_tiles();
  void help(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::condition_variable done_;
  void (*tile_)(void*, std::int64_t) = nullptr;
  void* work_ = nullptr;
  std::int64_t tiles_ = 0;
  std::atomic<std::int64_t> next_{0};
  int busy_ = 0;
  std::uint64_t round_ = 0;
  std::exception_ptr error_;
  std::vector<std::jthread> helpers_;  // last: they stop before what they use is gone
};

thread_local std::unique_ptr<Team> team;
thread_local bool inside = false;  // a tile is being computed in this thread

void Team::take_tiles() {
  inside = true;
  try {
    for (std::int64_t i; (i = next_.fetch_add(1)) < tiles_;) tile_(work_, i);
  } catch (...) {
    next_ = tiles_;
    std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
  inside = false;
}

void Team::help(std::stop_token stop) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [&] { return round_ != seen; })) return;
      seen = round_;
    }
    take_tiles();
    std::lock_guard lock(mutex_);
    if (--busy_ == 0) done_.notify_one();
  }
}

}  // namespace

void set_threads(int n) {
  require(n >= 1 && n <= 1024, "threads: {} is not between 1 and 1024", n);
  if (n == threads()) return;
  require(!inside, "threads: cannot become {} inside a parallel_for, whose team is at work", n);
  team.reset();
  if (n > 1) team = std::make_unique<Team>(n - 1);
}

int threads() { return team && !inside ? team->size() : 1; }

int hardware_threads() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

void detail::run_tiles(std::int64_t tiles, void (*tile)(void*, std::int64_t), void* work) { team->run(tiles, tile, work); }

}  // namespace bonsai
