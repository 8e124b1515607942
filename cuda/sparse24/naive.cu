// Rung 1, naive: a thread computes one element of C. For each kept value of its row it decodes the position, loads that element of B, multiplies.
//
// What it shows: half of the multiply-adds of the dense naive kernel, and no less to wait for: B's elements are still loaded one by one. Limited by: those loads.
// Shapes: k a multiple of 4. Measured: not yet run on a GPU.
#include <stdexcept>

#include "core/sparse24/positions.h"
#include "cuda/sparse24/sparse24.h"

namespace bonsai::cuda {
namespace {

template <class T>
__global__ void kernel(const T* values, const std::uint8_t* positions, const T* b, float* c, int m, int n, int k) {
  const int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= m || column >= n) return;
  const T* v = values + static_cast<std::int64_t>(row) * (k / 2);
  const std::uint8_t* p = positions + row * position_bytes(k);
  const T* x = b + static_cast<std::int64_t>(column) * k;
  float sum = 0;
  for (int g = 0; g < k / 4; ++g)
    for (int which = 0; which < 2; ++which) sum += to_float(v[2 * g + which]) * to_float(x[4 * g + position(p, g, which)]);
  c[static_cast<std::int64_t>(row) * n + column] = sum;
}

}  // namespace

template <class T>
void sparse24_naive(const Packed24<T>& a, const T* b, float* c, int n, Stream stream) {
  if (a.k % 4 != 0) throw std::invalid_argument("sparse24_naive: k must be a multiple of 4");
  launch("sparse24_naive", kernel<T>, dim3((n + 15) / 16, (a.m + 15) / 16), dim3(16, 16), 0, stream, a.values, a.positions, b, c, a.m, n, a.k);
}
template void sparse24_naive(const Packed24<F16>&, const F16*, float*, int, Stream);
template void sparse24_naive(const Packed24<Bf16>&, const Bf16*, float*, int, Stream);

}  // namespace bonsai::cuda
