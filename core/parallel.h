// Threads. Work is cut into tiles by its shape, never by the number of threads, and each tile is computed the same way whoever
// takes it: so the same bits come out at 1, 2 or 8 threads. Each calling thread has a team of its own, so that two trainings can
// run side by side without meeting.
#pragma once
#include <cstdint>
#include <type_traits>

namespace bonsai {

void set_threads(int n);  // how many threads (this one included) serve this thread's parallel_for; 1 to start with
int threads();
int hardware_threads();   // processors this process may run on

namespace detail {
void run_tiles(std::int64_t tiles, void (*tile)(void* work, std::int64_t i), void* work);
}

// work(i) for i = 0 .. tiles-1, in any order; returns when all are done. The first exception is thrown on. A parallel_for inside
// another runs in the thread that meets it.
template <class F>
void parallel_for(std::int64_t tiles, F&& work) {
  if (tiles <= 1 || threads() == 1) {
    for (std::int64_t i = 0; i < tiles; ++i) work(i);
    return;
  }
  detail::run_tiles(tiles, [](void* w, std::int64_t i) { (*static_cast<std::remove_reference_t<F>*>(w))(i); }, &work);
}

}  // namespace bonsai
