#include "tests/bench/memory/heap.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::int64_t> bytes{0}, calls{0};
}

void* operator new(std::size_t n) {
  void* p = std::malloc(n ? n : 1);
  if (!p) throw std::bad_alloc();
  bytes += static_cast<std::int64_t>(malloc_usable_size(p));
  ++calls;
  return p;
}
void operator delete(void* p) noexcept {
  bytes -= static_cast<std::int64_t>(malloc_usable_size(p));  // (0 of a null pointer)
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }

namespace bonsai::bench {

std::int64_t heap_bytes() { return bytes; }
std::int64_t heap_calls() { return calls; }

}  // namespace bonsai::bench
