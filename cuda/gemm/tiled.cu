// Rung 2, tiled: a block computes 64 x 64 of C. It brings 16 columns of 64 rows of A and of B to shared memory, as floats and turned, so that neighbours in k lie in
// different rows; each of its 256 threads then multiplies 4 rows with 4 columns from there.
//
// What changed: an element from memory serves 64 outputs, one from shared memory 4. Limited by: shared memory, 8 loads for 16 multiply-adds, and by f32
// multiply-adds, a sixteenth of what the tensor cores do.
// Shapes: any. Measured: not yet run on a GPU.
#include "cuda/gemm/gemm.h"

namespace bonsai::cuda {
namespace {

constexpr int side = 64, depth = 16, own = 4;

template <class T>
__device__ void fetch(float* tile, const T* matrix, int first, int rows, int column, int columns) {
  for (int i = threadIdx.x; i < side * depth; i += 256) {
    const int r = i / depth, k = i % depth;
    const bool there = first + r < rows && column + k < columns;
    tile[k * side + r] = there ? to_float(matrix[static_cast<std::int64_t>(first + r) * columns + column + k]) : 0.f;
  }
}

template <class T>
__global__ void kernel(const T* a, const T* b, float* c, int m, int n, int k) {
  float* as = shared<float>();
  float* bs = as + side * depth;
  const int row = blockIdx.y * side, column = blockIdx.x * side, mine_m = threadIdx.x / 16 * own, mine_n = threadIdx.x % 16 * own;
  float sums[own][own] = {};
  for (int step = 0; step < k; step += depth) {
    fetch(as, a, row, m, step, k);
    fetch(bs, b, column, n, step, k);
    __syncthreads();
    for (int i = 0; i < depth; ++i)
      for (int x = 0; x < own; ++x)
        for (int y = 0; y < own; ++y) sums[x][y] += as[i * side + mine_m + x] * bs[i * side + mine_n + y];
    __syncthreads();
  }
  for (int x = 0; x < own; ++x)
    for (int y = 0; y < own; ++y)
      if (row + mine_m + x < m && column + mine_n + y < n) c[static_cast<std::int64_t>(row + mine_m + x) * n + column + mine_n + y] = sums[x][y];
}

}  // namespace

template <class T>
void gemm_tiled(const T* a, const T* b, float* c, int m, int n, int k, Stream stream) {
  launch("gemm_tiled", kernel<T>, dim3((n + side - 1) / side, (m + side - 1) / side), dim3(256), 2 * side * depth * sizeof(float), stream, a, b, c, m, n, k);
}
template void gemm_tiled(const F16*, const F16*, float*, int, int, int, Stream);
template void gemm_tiled(const Bf16*, const Bf16*, float*, int, int, int, Stream);

}  // namespace bonsai::cuda
