// Dense products of any strides and batches: 16 x 16 of C a block, 16 of k at a time in shared memory, f64 sums for f64 and f32 sums for f32. (Large f32 and f64 products
// are cuBLAS's where it is there: to come.)
#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

constexpr int side = 16;

struct Product {
  Strided batch_a, batch_b, batch_c;  // the leading axes
  std::int64_t m, n, k, a_row, a_column, b_row, b_column, c_row, c_column;
  void *a, *b, *c;
  const void* bias;  // (n), or null
};

template <class T>
__global__ void kernel(Product p) {
  T* as = shared<T>();
  T* bs = as + side * side;
  const T* a = static_cast<const T*>(p.a) + p.batch_a.at(blockIdx.z);
  const T* b = static_cast<const T*>(p.b) + p.batch_b.at(blockIdx.z);
  T* c = static_cast<T*>(p.c) + p.batch_c.at(blockIdx.z);
  const int x = threadIdx.x, y = threadIdx.y;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * side + y, column = static_cast<std::int64_t>(blockIdx.x) * side + x;
  T total = 0;
  for (std::int64_t step = 0; step < p.k; step += side) {
    as[y * side + x] = row < p.m && step + x < p.k ? a[row * p.a_row + (step + x) * p.a_column] : T(0);
    bs[y * side + x] = column < p.n && step + y < p.k ? b[(step + y) * p.b_row + column * p.b_column] : T(0);
    __syncthreads();
    for (int i = 0; i < side; ++i) total += as[y * side + i] * bs[i * side + x];
    __syncthreads();
  }
  if (row < p.m && column < p.n) c[row * p.c_row + column * p.c_column] = total + (p.bias ? static_cast<const T*>(p.bias)[column] : T(0));
}

Strided leading(const View& v, int axes) {
  Strided s = strided(v);
  s.rank = axes, s.numel = 1;
  for (int a = 0; a < axes; ++a) s.numel *= s.shape[a];
  return s;
}

void product(View a, View b, View c, const void* bias) {
  const int r = c.shape.rank() - 2;
  const Product p{leading(a, r), leading(b, r), leading(c, r), c.shape[r], c.shape[r + 1], a.shape[r + 1], a.strides[r], a.strides[r + 1], b.strides[r], b.strides[r + 1],
                  c.strides[r], c.strides[r + 1], a.data, b.data, c.data, bias};
  auto blocks = [](std::int64_t n) { return static_cast<unsigned>((n + side - 1) / side); };
  dispatch_floating("matmul", a.dtype, [&]<class T>() {
    launch("matmul", kernel<T>, dim3(blocks(p.n), blocks(p.m), static_cast<unsigned>(p.batch_c.numel)), dim3(side, side), 2 * side * side * sizeof(T), current_stream(), p);
  });
}

void matmul(View a, View b, View c) { product(a, b, c, nullptr); }
void linear(View x, View w, View bias, View y) { product(x, transposed(w), y, bias.data); }

}  // namespace

void add_products(Backend& b) {
  b.matmul.run = matmul;
  b.linear.run = linear;
}

}  // namespace bonsai::cuda
