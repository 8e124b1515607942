// Starting kernels, the same way on a GPU and in the emulator, and refusing what went wrong with the kernel's name.
//
//   launch("pack", pack_kernel, grid, block, shared bytes, stream, arguments...)
//   launch_pairs(...)     the same, in clusters of two blocks along x, which see each other's shared memory; needs compute capability 9.0
//
// A kernel takes its shared memory with shared<T>(); sizes are known at compile time or given at launch. Included by .cu files only.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

namespace bonsai::cuda {

// What was started last, for the message when the device stops: it says so later, and not in which kernel it was.
struct Launched {
  std::atomic<std::uint64_t> count{0};
  std::array<std::atomic<const char*>, 8> last{};
  bool recording = false;      // a stream that records can't be waited for
  bool one_at_a_time = false;  // wait for every kernel, so that its name is known (BONSAI_SYNC=1)
  void note(const char* name) { last[count.fetch_add(1) % last.size()] = name; }
};
inline Launched launched;

}  // namespace bonsai::cuda

#ifdef __CUDACC__
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace bonsai::cuda {

using Stream = cudaStream_t;

// What the calling folder turns into bonsai::Error; nvcc sees neither fmt nor core.
struct CudaError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void check(cudaError_t e, const char* what) {
  if (e != cudaSuccess) throw CudaError(std::string(what) + ": " + cudaGetErrorString(e));
}

template <class T>
__device__ T* shared() {
  extern __shared__ __align__(128) unsigned char bonsai_shared_memory[];
  return reinterpret_cast<T*>(bonsai_shared_memory);
}

inline void started(const char* name, cudaError_t e, Stream stream) {
  check(e, name);
  launched.note(name);
  if (launched.one_at_a_time && !launched.recording) check(cudaStreamSynchronize(stream), name);
}

template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > (48 << 10)) check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)), name);
  kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
  started(name, cudaGetLastError(), stream);
}

template <class... Parameters, class... Arguments>
void launch_pairs(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream, Arguments... arguments) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)), name);
  cudaLaunchAttribute pairs;
  pairs.id = cudaLaunchAttributeClusterDimension, pairs.val.clusterDim = {2, 1, 1};
  const cudaLaunchConfig_t config{grid, block, shared_bytes, stream, &pairs, 1};
  started(name, cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), stream);
}

}  // namespace bonsai::cuda
#else
#include "cuda/emulator/emulator.h"

namespace bonsai::cuda {

using Stream = void*;

template <class T>
T* shared() {
  return reinterpret_cast<T*>(emulator::shared_memory());
}

template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, Stream, Arguments... arguments) {
  launched.note(name);
  emulator::submit(name, [=] { emulator::run(grid, block, shared_bytes, [&] { kernel(static_cast<Parameters>(arguments)...); }); });
}
template <class... Parameters, class... Arguments>
void launch_pairs(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, Stream, Arguments... arguments) {
  launched.note(name);
  emulator::submit(name, [=] { emulator::run(grid, block, shared_bytes, [&] { kernel(static_cast<Parameters>(arguments)...); }, 2); });
}

}  // namespace bonsai::cuda
#endif
