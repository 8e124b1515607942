// Rung 1, naive: a thread computes one element of C, walking along a row of A and a row of B in memory.
//
// Limited by: every element of A is loaded n times and every element of B m times, two loads for a multiply-add. A block's 16 x 16 threads share rows, so the
// caches help; it is still a hundredth of what the machine can do.
// Shapes: any. Measured: not yet run on a GPU.
#include "cuda/gemm/gemm.h"

namespace bonsai::cuda {
namespace {

template <class T>
__global__ void kernel(const T* a, const T* b, float* c, int m, int n, int k) {
  const int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= m || column >= n) return;
  const T* x = a + static_cast<std::int64_t>(row) * k;
  const T* y = b + static_cast<std::int64_t>(column) * k;
  float sum = 0;
  for (int i = 0; i < k; ++i) sum += to_float(x[i]) * to_float(y[i]);
  c[static_cast<std::int64_t>(row) * n + column] = sum;
}

}  // namespace

template <class T>
void gemm_naive(const T* a, const T* b, float* c, int m, int n, int k, Stream stream) {
  launch("gemm_naive", kernel<T>, dim3((n + 15) / 16, (m + 15) / 16), dim3(16, 16), 0, stream, a, b, c, m, n, k);
}
template void gemm_naive(const F16*, const F16*, float*, int, int, int, Stream);
template void gemm_naive(const Bf16*, const Bf16*, float*, int, int, int, Stream);

}  // namespace bonsai::cuda
