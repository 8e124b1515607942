// Rung 2, tiled: a block computes 64 x 64 of C from shared memory, 32 columns of B at a time and the 16 values of A's rows that belong to them, with their
// positions. A thread multiplies 4 rows with 4 columns: for each row and value it decodes once and uses it four times.
//
// What changed: an element from memory serves 64 outputs. Limited by: shared memory. In the dense kernel a loaded element of B serves 4 rows; here each row wants
// another one, so 5 loads for 4 multiply-adds: half the work, and hardly faster. This is why sparsity needs hardware, or the vectors of a CPU.
// Shapes: k a multiple of 4. Measured: not yet run on a GPU.
#include <stdexcept>

#include "core/sparse24/positions.h"
#include "cuda/sparse24/sparse24.h"

namespace bonsai::cuda {
namespace {

constexpr int side = 64, depth = 32, own = 4, bytes = depth / 8;

template <class T>
__global__ void kernel(const T* values, const std::uint8_t* positions, const T* b, float* c, int m, int n, int k) {
  float* vs = shared<float>();             // [side][depth / 2]
  float* bs = vs + side * depth / 2;       // [depth][side + 1]
  auto* ps = reinterpret_cast<std::uint8_t*>(bs + depth * (side + 1));  // [side][bytes]
  const int row = blockIdx.y * side, column = blockIdx.x * side, mine_m = threadIdx.x / 16 * own, mine_n = threadIdx.x % 16 * own;
  float sums[own][own] = {};
  for (int step = 0; step < k; step += depth) {
    for (int i = threadIdx.x; i < side * depth / 2; i += 256) {
      const int r = i / (depth / 2), v = i % (depth / 2);
      vs[i] = row + r < m && step / 2 + v < k / 2 ? to_float(values[static_cast<std::int64_t>(row + r) * (k / 2) + step / 2 + v]) : 0.f;
    }
    for (int i = threadIdx.x; i < side * depth; i += 256) {
      const int r = i / depth, x = i % depth;
      bs[x * (side + 1) + r] = column + r < n && step + x < k ? to_float(b[static_cast<std::int64_t>(column + r) * k + step + x]) : 0.f;
    }
    for (int i = threadIdx.x; i < side * bytes; i += 256) {
      const int r = i / bytes, p = i % bytes;
      ps[i] = row + r < m && step + 8 * p < k ? positions[(row + r) * position_bytes(k) + step / 8 + p] : std::uint8_t{0x44};
    }
    __syncthreads();
    for (int v = 0; v < depth / 2; ++v)
      for (int x = 0; x < own; ++x) {
        const int at = 4 * (v / 2) + position(ps + (mine_m + x) * bytes, v / 2, v % 2);
        const float value = vs[(mine_m + x) * (depth / 2) + v];
        for (int y = 0; y < own; ++y) sums[x][y] += value * bs[at * (side + 1) + mine_n + y];
      }
    __syncthreads();
  }
  for (int x = 0; x < own; ++x)
    for (int y = 0; y < own; ++y)
      if (row + mine_m + x < m && column + mine_n + y < n) c[static_cast<std::int64_t>(row + mine_m + x) * n + column + mine_n + y] = sums[x][y];
}

}  // namespace

template <class T>
void sparse24_tiled(const Packed24<T>& a, const T* b, float* c, int n, Stream stream) {
  if (a.k % 4 != 0) throw std::invalid_argument("sparse24_tiled: k must be a multiple of 4");
  const std::size_t shared_bytes = (side * depth / 2 + depth * (side + 1)) * sizeof(float) + side * bytes;
  launch("sparse24_tiled", kernel<T>, dim3((n + side - 1) / side, (a.m + side - 1) / side), dim3(256), shared_bytes, stream, a.values, a.positions, b, c, a.m, n, a.k);
}
template void sparse24_tiled(const Packed24<F16>&, const F16*, float*, int, Stream);
template void sparse24_tiled(const Packed24<Bf16>&, const Bf16*, float*, int, Stream);

}  // namespace bonsai::cuda
