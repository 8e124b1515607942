#include "cuda/emulator/emulator.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "core/error.h"

namespace bonsai::emulator {
namespace {

constexpr std::size_t stack_bytes = 128 << 10;

enum class State { ready, at_block, at_warp, at_cluster, at_condition, ended };

struct Fiber {
  Thread thread;
  ucontext_t context;  // how it begins; from then on _setjmp and _longjmp go to and fro, which ask nothing of the system
  jmp_buf at;
  bool begun = false;
  State state = State::ended;
  const std::function<bool()>* condition = nullptr;
  std::unique_ptr<std::byte[]> stack = std::make_unique<std::byte[]>(stack_bytes);
};

// The block that is running, or the blocks of a cluster. One at a time in a thread of the program.
struct Block {
  std::vector<Fiber*> fibers;
  std::size_t cluster = 1, shared_bytes = 0, slots_each = 0;  // blocks, and what each has
  std::vector<std::byte> shared;
  std::vector<std::uint64_t> slots;  // 32 a warp
  ucontext_t first;  // the scheduler, as makecontext wants it
  jmp_buf scheduler;
  Fiber* running = nullptr;
  std::size_t conditions = 0;  // how many wait for one
  const std::function<void()>* body = nullptr;
  std::exception_ptr error;
};
thread_local Block* block = nullptr;
thread_local std::uint64_t begun = 0;
thread_local std::vector<std::unique_ptr<Fiber>> pool;  // they serve one block after the other

void wait(State at) {
  Fiber& f = *block->running;
  f.state = at;
  if (_setjmp(f.at) == 0) _longjmp(block->scheduler, 1);
}

void fiber_main() {
  for (;;) {
    try {
      (*block->body)();
    } catch (...) {
      if (!block->error) block->error = std::current_exception();
    }
    wait(State::ended);
  }
}

// Sets those free who wait where all others of their warp or block do. Whether anyone was.
bool release(Block& b) {
  bool any = false;
  auto all_at = [&](State at, std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i)
      if (b.fibers[i]->state != at && b.fibers[i]->state != State::ended) return;
    for (std::size_t i = first; i < first + count; ++i)
      if (b.fibers[i]->state == at) b.fibers[i]->state = State::ready, any = true;
  };
  const std::size_t threads = b.fibers.size() / b.cluster;
  for (std::size_t first = 0; first < b.fibers.size(); first += threads) {
    for (std::size_t warp = 0; warp < threads; warp += 32) all_at(State::at_warp, first + warp, std::min<std::size_t>(32, threads - warp));
    all_at(State::at_block, first, threads);
  }
  all_at(State::at_cluster, 0, b.fibers.size());
  if (b.conditions > 0)
    for (Fiber* f : b.fibers)
      if (f->state == State::at_condition && (*f->condition)()) f->state = State::ready, any = true, --b.conditions;
  return any;
}

void resume(Block& b, Fiber& f) {
  b.running = &f;
  if (_setjmp(b.scheduler) != 0) return;
  if (f.begun) _longjmp(f.at, 1);
  f.begun = true;
  swapcontext(&b.first, &f.context);
}

void run_block(Block& b, dim3 index, dim3 size, dim3 grid) {
  const std::size_t threads = std::size_t{size.x} * size.y * size.z;
  ++begun;
  std::memset(b.shared.data(), 0xff, b.shared.size());  // NaN, as f32 and as bf16
  b.slots_each = (threads + 31) / 32 * 32;
  b.slots.assign(b.slots_each * b.cluster, 0);
  while (pool.size() < threads * b.cluster) pool.push_back(std::make_unique<Fiber>());
  b.fibers.clear();
  for (std::size_t i = 0, rank = 0, t = 0; i < threads * b.cluster; ++i, ++t) {
    if (t == threads) ++rank, t = 0;
    Fiber& f = *pool[i];
    b.fibers.push_back(&f);
    f.thread = {{static_cast<unsigned>(t % size.x), static_cast<unsigned>(t / size.x % size.y), static_cast<unsigned>(t / size.x / size.y)},
                {index.x + static_cast<unsigned>(rank), index.y, index.z}, size, grid, static_cast<int>(t % 32), static_cast<int>(t / 32), static_cast<int>(rank)};
    f.state = State::ready;
    if (f.begun) continue;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.get(), f.context.uc_stack.ss_size = stack_bytes, f.context.uc_link = nullptr;
    makecontext(&f.context, fiber_main, 0);
  }
  bool ran;
  do {
    ran = false;
    for (std::size_t first = 0; first < b.fibers.size() && !ran; first += threads)  // of a cluster's blocks the first that can goes on, as far ahead as barriers let it
      for (std::size_t i = first; i < first + threads; ++i)
        if (b.fibers[i]->state == State::ready) resume(b, *b.fibers[i]), ran = true;
    if (b.error) std::rethrow_exception(b.error);
  } while (release(b) || (ran && b.cluster > 1));
  for (const Fiber* f : b.fibers) require(f->state == State::ended, "emulator: thread {} waits at a barrier that others have passed by", f->thread.thread_index.x);
}

}  // namespace

const Thread& thread() { return block->running->thread; }
void sync_block() { wait(State::at_block); }
void sync_warp() { wait(State::at_warp); }
void sync_cluster() { wait(State::at_cluster); }
std::uint64_t* exchange() { return &block->slots[static_cast<std::size_t>(thread().rank) * block->slots_each + static_cast<std::size_t>(thread().warp) * 32]; }
std::byte* shared_memory() { return block->shared.data() + static_cast<std::size_t>(thread().rank) * block->shared_bytes; }
std::byte* shared_memory(int rank) {
  require(std::any_of(block->fibers.begin(), block->fibers.end(), [&](const Fiber* f) { return f->thread.rank == rank && f->state != State::ended; }),
          "emulator: block {} of the cluster has ended, and its shared memory with it", rank);
  return block->shared.data() + static_cast<std::size_t>(rank) * block->shared_bytes;
}
std::size_t shared_bytes() { return block->shared_bytes; }
std::uint64_t blocks_begun() { return begun; }
void wait_until(const std::function<bool()>& condition) {
  if (condition()) return;
  block->running->condition = &condition;
  ++block->conditions;
  wait(State::at_condition);
}

void run(dim3 grid, dim3 size, std::size_t shared_bytes, const std::function<void()>& body, unsigned cluster) {
  require(block == nullptr, "emulator: a kernel cannot start a kernel");
  require(grid.x % cluster == 0, "emulator: {} blocks are not made of clusters of {}", grid.x, cluster);
  Block b;
  b.cluster = cluster, b.shared_bytes = shared_bytes;
  b.shared.resize(shared_bytes * cluster);
  b.body = &body;
  block = &b;
  struct Leave {
    ~Leave() {
      block = nullptr;
      bool all_ended = true;
      for (auto& f : pool) all_ended &= f->state == State::ended;
      if (!all_ended) pool.clear();  // they are in the middle of something (their stacks hold nothing that must be destroyed)
    }
  } leave;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; x += cluster) run_block(b, {x, y, z}, size, grid);
}

namespace {

std::mutex queue_mutex, run_mutex;  // the second is held by whoever does the work: one at a time, in order
std::deque<Recorded::value_type> queue;
bool queueing = false;
std::string stopped;  // why the device does nothing any more
thread_local bool recording = false;
Recorded recorded;

}  // namespace

void queue_work(bool on) { queueing = on; }

void submit(const char* name, std::function<void()> work) {
  if (recording) return void(recorded.emplace_back(name, std::move(work)));
  if (!queueing) return work();
  std::lock_guard lock(queue_mutex);
  queue.emplace_back(name, std::move(work));
}

void start_again() { stopped.clear(); }

void wait() {
  std::lock_guard one(run_mutex);
  for (;;) {
    Recorded::value_type next;
    {
      std::lock_guard lock(queue_mutex);
      require(stopped.empty(), "{}", stopped);
      if (queue.empty()) return;
      next = std::move(queue.front());
      queue.pop_front();
    }
    try {
      next.second();
    } catch (const std::exception& e) {
      std::lock_guard lock(queue_mutex);
      stopped = fmt::format("the emulated device stopped in kernel \"{}\": {}", next.first, e.what());
      queue.clear();
    }
  }
}

void begin_recording() { recording = true; }
Recorded end_recording() {
  recording = false;
  return std::exchange(recorded, {});
}

}  // namespace bonsai::emulator
