// What the backend's kernels are written with: arrays as a device sees them, and one thread an element.
//
//   each("relu", n, [=] BONSAI_DEVICE(std::int64_t i) { y[i] = x[i] < 0 ? 0 : x[i]; });
//
// Most kernels compute one element of their result from start to end, in double precision where they sum: no thread writes what another one reads, every sum
// has one order, and the same seed gives the same bits. Sums over much are shared out among the threads of a block, in a tree of one shape (reductions.cu).
#pragma once
#include "core/backend.h"
#include "cuda/launch.h"

#ifdef __CUDACC__
#define BONSAI_DEVICE __device__
#else
#define BONSAI_DEVICE
#endif

namespace bonsai::cuda {

inline Stream& current_stream() {  // of this thread; the default one unless somebody sets another
  static thread_local Stream stream{};
  return stream;
}

// A view, as plain numbers that can be handed to a kernel.
struct Strided {
  void* data;
  int rank;
  std::int64_t numel, shape[Shape::max_rank], strides[Shape::max_rank];
  template <class T>
  BONSAI_HOST_DEVICE T* as() const { return static_cast<T*>(data); }
  // Where element i, in row-major order, lies.
  BONSAI_HOST_DEVICE std::int64_t at(std::int64_t i) const {
    std::int64_t offset = 0;
    for (int a = rank - 1; a >= 0; --a) offset += i % shape[a] * strides[a], i /= shape[a];
    return offset;
  }
};
inline Strided strided(const View& v) {
  Strided s{v.data, v.shape.rank(), v.shape.numel(), {}, {}};
  for (int a = 0; a < s.rank; ++a) s.shape[a] = v.shape[a], s.strides[a] = v.strides[a];
  return s;
}

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
void each(const char*, std::int64_t n, F f) {  // the threads of such a kernel do not meet, so they need no fibers
  for (std::int64_t i = 0; i < n; ++i) f(i);
}
#endif

void add_elementwise(Backend& b);
void add_reductions(Backend& b);
void add_products(Backend& b);
void add_sparse_products(Backend& b);
void add_pictures(Backend& b);
void add_normalization(Backend& b);
void add_rows(Backend& b);
void add_random_and_optimizers(Backend& b);

}  // namespace bonsai::cuda
