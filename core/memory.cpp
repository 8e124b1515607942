#include "core/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstdlib>

#include "core/error.h"

namespace bonsai {
namespace {

constexpr std::size_t smallest = 64, largest = std::size_t{256} << 20;  // larger blocks go straight back to the system
constexpr int classes = 4 * 23;                                         // four sizes per doubling, 64 B to 256 MiB

std::atomic<std::uint64_t> system_allocations{0};

// Rounds up to a size class: 64, 80, 96, 112, 128, 160, ... Waste is at most a quarter.
struct SizeClass {
  int index;
  std::size_t bytes;
};
SizeClass size_class(std::size_t bytes) {
  if (bytes <= smallest) return {0, smallest};
  const int log = std::bit_width(bytes - 1) - 1;  // 2^log < bytes <= 2^(log+1)
  const std::size_t quarter = std::size_t{1} << (log - 2);
  const std::size_t steps = (bytes - (std::size_t{1} << log) + quarter - 1) / quarter;  // 1 to 4
  return {4 * (log - 6) + static_cast<int>(steps), (std::size_t{1} << log) + steps * quarter};
}

// A large block asks for large pages: the system hands out memory a page at a time, when it is first touched, and 2 MiB at a time is
// five hundred times less often than 4 KiB.
void* system_allocate(std::size_t bytes) {
  system_allocations.fetch_add(1, std::memory_order_relaxed);
  constexpr std::size_t page = std::size_t{2} << 20;
  const std::size_t unit = bytes >= 4 * page ? page : 64;
  const std::size_t size = (bytes + unit - 1) / unit * unit;
  void* p = std::aligned_alloc(unit, size);
  require(p != nullptr, "out of memory: asked for {} bytes", bytes);
#ifdef MADV_HUGEPAGE
  if (unit == page) madvise(p, size, MADV_HUGEPAGE);  // (a wish: where it is not granted nothing changes)
#endif
  return p;
}

struct FreeBlock {
  FreeBlock* next;
};
// After the pool's end, what other thread-local objects release goes to the system. (This flag cannot be a member: a compiler
// drops the last write to an object whose life ends.)
thread_local constinit bool pool_alive = true;
struct ThreadPool {
  std::array<FreeBlock*, classes + 1> lists{};
  ~ThreadPool() {
    pool_alive = false;
    for (FreeBlock* b : lists)
      while (b) std::free(std::exchange(b, b->next));
  }
};
thread_local ThreadPool pool;
thread_local constinit std::int64_t live_bytes = 0;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool reuse = false;  // let the sanitizer see every block's end
#else
constexpr bool reuse = true;
#endif

}  // namespace

void* pool_allocate(std::size_t bytes) {
  live_bytes += static_cast<std::int64_t>(bytes);
  if (!reuse || bytes > largest || !pool_alive) return system_allocate(bytes);
  const SizeClass c = size_class(bytes);
  FreeBlock*& list = pool.lists[c.index];
  if (list) return std::exchange(list, list->next);
  return system_allocate(c.bytes);
}

void pool_release(void* block, std::size_t bytes) noexcept {
  if (!block) return;
  live_bytes -= static_cast<std::int64_t>(bytes);
  if (!reuse || bytes > largest || !pool_alive) return std::free(block);
  FreeBlock*& list = pool.lists[size_class(bytes).index];
  list = new (block) FreeBlock{list};
}

std::uint64_t pool_system_allocations() { return system_allocations.load(); }
std::int64_t pool_live_bytes() { return live_bytes; }

void require_memory(const std::string& what, double bytes, const std::string& way_out) {
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  require(bytes <= memory, "{} takes {:.1f} GiB, and this machine has {:.1f}; {}", what, bytes / 0x1p30, memory / 0x1p30, way_out);
}

}  // namespace bonsai
