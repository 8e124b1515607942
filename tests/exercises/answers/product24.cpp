// hint: A thread whose row is m or more, or whose column is n or more, returns at once.
// hint: Group g's two values are values[row * k / 2 + 2 g] and the next; they meet b[column * k + 4 g + position(...)].
// reference: cuda/sparse24/naive.cu __global__ void kernel(
#include "core/sparse24/positions.h"
#include "cuda/sparse24/sparse24.h"

using namespace bonsai;
using cuda::F16;

__global__ void product_of_24(const F16* values, const std::uint8_t* positions, const F16* b, float* c, int m, int n, int k) {
  const int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= m || column >= n) return;
  float sum = 0;
  for (int g = 0; g < k / 4; ++g)
    for (int which = 0; which < 2; ++which)
      sum += to_float(values[row * (k / 2) + 2 * g + which]) * to_float(b[column * k + 4 * g + position(positions + row * position_bytes(k), g, which)]);
  c[row * n + column] = sum;
}
