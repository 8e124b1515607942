// CUDA without a GPU: the same .cu files, compiled by the C++ compiler, run on the CPU, thread by thread. Slow, and right: a kernel that indexes wrongly, forgets a
// barrier that its threads need, or lays a fragment out wrongly gives wrong numbers here, too. What it can not show is speed, races that need
// real simultaneity, and whether the hardware's manual means what instructions.h says it means.
//
// A block's threads are fibers (ucontext): one runs until it meets a barrier or a warp's exchange, then the next. Shared memory is poisoned with NaN before
// each block. Blocks run one after the other, those of a cluster together.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __grid_constant__

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

namespace bonsai::emulator {

struct Thread {
  dim3 thread_index, block_index, block_size, grid_size;
  int lane = 0, warp = 0, rank = 0;  // in its warp, block, cluster
};
const Thread& thread();     // the fiber that is running
void sync_block();          // all threads of the block that have not ended
void sync_warp();           // all lanes of the warp
void sync_cluster();        // all threads of the cluster that have not ended
std::uint64_t* exchange();  // 32 slots of the warp, to be used between two sync_warp()
std::byte* shared_memory(); // of the block
std::byte* shared_memory(int rank);  // of another block of the cluster
std::size_t shared_bytes();
std::uint64_t blocks_begun();  // so that what an instruction remembers of a block can be forgotten with it
void wait_until(const std::function<bool()>& condition);  // one that some other thread will make true
// body() for every thread of every block, clusters of so many blocks along x. Throws what a thread throws, and an Error when threads wait for each other at different barriers.
void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body, unsigned cluster = 1);

// ---- A device's queue. Work is done as it comes; as a device (cuda/device) as late as it may be, when somebody waits: who reads too early reads what was there before.
void submit(const char* name, std::function<void()> work);
void queue_work(bool on);
void start_again();  // after a failure (for tests)
void wait();  // until the queue is empty. Throws what the work threw, with its name, now and ever after
using Recorded = std::vector<std::pair<const char*, std::function<void()>>>;
void begin_recording();  // from here on this thread's work is kept instead
Recorded end_recording();

}  // namespace bonsai::emulator

#define threadIdx (bonsai::emulator::thread().thread_index)
#define blockIdx (bonsai::emulator::thread().block_index)
#define blockDim (bonsai::emulator::thread().block_size)
#define gridDim (bonsai::emulator::thread().grid_size)
inline void __syncthreads() { bonsai::emulator::sync_block(); }
inline void __syncwarp(unsigned = ~0u) { bonsai::emulator::sync_warp(); }

// The value that another lane holds.
template <class T>
T __shfl_sync(unsigned, T value, int lane) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t* slots = bonsai::emulator::exchange();
  std::memcpy(slots + bonsai::emulator::thread().lane, &value, sizeof(T));
  bonsai::emulator::sync_warp();
  T got;
  std::memcpy(&got, slots + lane % 32, sizeof(T));
  bonsai::emulator::sync_warp();
  return got;
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with) { return __shfl_sync(mask, value, bonsai::emulator::thread().lane ^ with); }
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
  const int from = bonsai::emulator::thread().lane + static_cast<int>(by);
  return __shfl_sync(mask, value, from < 32 ? from : bonsai::emulator::thread().lane);
}
