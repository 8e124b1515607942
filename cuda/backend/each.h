// What the backend's kernels are written with: arrays as a device sees them, and one thread an element.
//
//   each("relu", n, [=] BONSAI_DEVICE(std::int64_t i) { y[i] = x[i] < 0 ? 0 : x[i]; });
//
// Most kernels compute one element of their result from start to end, in double precision where they sum: no thread writes what another one reads, every sum
// has one order, and the same seed gives the same bits. Sums over much are shared out among the threads of a block, in a tree of one shape (reductions.cu).
#pragma once
#include <mutex>
#include <shared_mutex>

#include "core/backend.h"
#include "cuda/launch.h"

#ifdef __CUDACC__
#define BONSAI_DEVICE __device__
#else
#define BONSAI_DEVICE
#endif

namespace bonsai::cuda {

// The device's one queue, as long as the object lives: pass it to a launch in place of the stream. While a thread records a step (cuda/device), the others wait here.
// What is not a launch (a library's call, a copy) notes itself: launched.note("cublas").
//
//   launch("add", kernel, grid, block, 0, current_stream(), ...);
//   const Queue queue = current_stream();  cublasSetStream(handle, queue);  cublasSgemm(...);
class Queue {
 public:
  Queue() {
    if (recorder || depth++ > 0) return;
    const std::lock_guard behind(entrance);  // who wants to record stands there first: a gate that prefers readers would keep him waiting as long as any are inside
    gate.lock_shared();
  }
  ~Queue() {
    if (!recorder && --depth == 0) gate.unlock_shared();
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  operator Stream() const { return stream; }

  static inline Stream stream{};  // the default one, unless a device is opened
  static inline std::mutex entrance;
  static inline std::shared_mutex gate;
  static inline thread_local bool recorder = false;
  static inline thread_local int depth = 0;
};
inline Queue current_stream() { return Queue(); }

// A view, as plain numbers that can be handed to a kernel. Axes of one element are left out, and those that go on where the one behind them ends are one: so a contiguous
// array has a single axis, whose element i is simply i steps away, and a division is only paid where an axis really begins anew.
struct Strided {
  void* data;
  int rank;
  std::int64_t numel, shape[Shape::max_rank], strides[Shape::max_rank];
  template <class T>
  BONSAI_HOST_DEVICE T* as() const { return static_cast<T*>(data); }
  // Where element i, in row-major order, lies.
  BONSAI_HOST_DEVICE std::int64_t at(std::int64_t i) const {
    if (rank == 0) return 0;
    std::int64_t offset = 0;
    if (numel < (std::int64_t{1} << 32)) {  // 32-bit divisions are several times as fast
      auto rest = static_cast<std::uint32_t>(i);
      for (int a = rank - 1; a > 0; --a) {
        const auto size = static_cast<std::uint32_t>(shape[a]), next = rest / size;
        offset += (rest - next * size) * strides[a], rest = next;
      }
      return offset + rest * strides[0];
    }
    for (int a = rank - 1; a > 0; --a) offset += i % shape[a] * strides[a], i /= shape[a];
    return offset + i * strides[0];
  }
};
inline Strided strided(void* data, const Shape& shape, const Shape& strides) {
  Strided s{data, 0, shape.numel(), {}, {}};
  for (int a = 0; a < shape.rank(); ++a) {
    if (shape[a] == 1) continue;
    const int last = s.rank - 1;
    if (last >= 0 && s.strides[last] == strides[a] * shape[a]) s.shape[last] *= shape[a], s.strides[last] = strides[a];
    else s.shape[s.rank] = shape[a], s.strides[s.rank++] = strides[a];
  }
  return s;
}
inline Strided strided(const View& v) { return strided(v.data, v.shape, v.strides); }

#ifdef __CUDACC__
template <class F>
__global__ void each_kernel(std::int64_t n, F f) {
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += static_cast<std::int64_t>(gridDim.x) * blockDim.x) f(i);
}
template <class F>
void each(const char* name, std::int64_t n, F f) {
  const std::int64_t blocks = (n + 255) / 256;
  if (n > 0) launch(name, each_kernel<F>, dim3(static_cast<unsigned>(blocks < 65536 ? blocks : 65536)), dim3(256), 0, current_stream(), n, f);
}
#else
template <class F>
void each(const char* name, std::int64_t n, F f) {  // the threads of such a kernel do not meet, so they need no fibers
  launched.note(name);
  if (n > 0) emulator::submit(name, [=] { for (std::int64_t i = 0; i < n; ++i) f(i); });
}
#endif

// ---- Indices that do not fit. The host can't look at them without waiting, so a kernel notes the first and goes on with 0; who waits for the device throws.

struct Misfit {
  int happened;
  std::int64_t index, size;
};
Misfit* misfit_of(const char* op);  // (device.cu)
BONSAI_HOST_DEVICE inline std::int64_t checked(Misfit* m, std::int64_t index, std::int64_t size) {
  if (index >= 0 && index < size) return index;
  m->index = index, m->size = size, m->happened = 1;
  return 0;
}

void add_elementwise(Backend& b);
void add_reductions(Backend& b);
void add_products(Backend& b);
void add_sparse_products(Backend& b);
void add_convolutions(Backend& b);
void add_pictures(Backend& b);
void add_normalization(Backend& b);
void add_rows(Backend& b);
void add_random_and_optimizers(Backend& b);

}  // namespace bonsai::cuda
