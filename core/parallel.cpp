#include "core/parallel.h"

#include <sched.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"

namespace bonsai {
namespace {

// Between two rounds of work a helper watches for the next one for some 50 microseconds, since in training it comes at once, and then
// sleeps.
template <class T>
void wait_while(const std::atomic<T>& a, T value) {
  for (int i = 0; i < 2000 && a.load(std::memory_order_acquire) == value; ++i) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  a.wait(value, std::memory_order_acquire);
}

class Team {
 public:
  explicit Team(int helpers) {
    for (int i = 0; i < helpers; ++i) helpers_.emplace_back([this] { help(); });
  }
  ~Team() {
    stop_ = true;
    start_round();
  }
  int size() const { return static_cast<int>(helpers_.size()) + 1; }

  void run(std::int64_t tiles, void (*tile)(void*, std::int64_t), void* work) {
    tile_ = tile;
    work_ = work;
    tiles_ = tiles;
    next_ = 0;
    busy_ = static_cast<int>(helpers_.size());
    start_round();
    take_tiles();
    for (int busy; (busy = busy_.load(std::memory_order_acquire)) != 0;) wait_while(busy_, busy);
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void start_round() {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  void take_tiles();
  void help();

  void (*tile_)(void*, std::int64_t) = nullptr;
  void* work_ = nullptr;
  std::int64_t tiles_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<std::uint32_t> round_{0};
  bool stop_ = false;
  std::mutex error_mutex_;
  std::exception_ptr error_;
  std::vector<std::jthread> helpers_;  // last: they end before what they use is gone
};

thread_local std::unique_ptr<Team> team;
thread_local bool inside = false;  // a tile is being computed in this thread

void Team::take_tiles() {
  inside = true;
  try {
    for (std::int64_t i; (i = next_.fetch_add(1)) < tiles_;) tile_(work_, i);
  } catch (...) {
    next_ = tiles_;
    std::lock_guard lock(error_mutex_);
    if (!error_) error_ = std::current_exception();
  }
  inside = false;
}

void Team::help() {
  for (std::uint32_t seen = 0;;) {
    wait_while(round_, seen);
    seen = round_.load(std::memory_order_acquire);
    if (stop_) return;
    take_tiles();
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
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
