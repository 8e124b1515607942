// Dense products of any strides and batches. cuBLAS does those that it can take (blas.h); the others, and all where there is no cuBLAS, are done here in tiles.h's frame.
//
// A small C with a long k (a layer of a small network: (60, 300) with k = 784) is cut into parts of k, so that more than three of a GPU's multiprocessors have something to do.
// How it is cut depends on m, n and k, not on the batch: one of ten products computed at once has the bits that it has alone.
#include "cuda/backend/blas.h"
#include "cuda/backend/tiles.h"

namespace bonsai::cuda {
namespace {

// A matrix of a batch: neighbours along the two axes, and where the batch's matrices lie.
struct Matrix {
  Strided batch;
  std::int64_t row, column;
  void* data;
};
struct Product {
  Matrix a, b, c;
  std::int64_t m, n, k;
  const void* bias;  // (columns of C), or null
  bool turned;       // C and the others are seen transposed, so bias is by rows
};

// AlongK: which of the two operands have neighbours along k in memory.
template <class T, bool AAlongK, bool BAlongK>
struct Strides {
  Product p;
  const T *from_a, *from_b;
  static constexpr bool a_along_k = AAlongK, b_along_k = BAlongK;
  struct Note {
    int k;  // or -1
  };
  struct ALine {
    const T* row;
  };
  struct BLine {
    const T* column;
  };
  BONSAI_DEVICE Note note(int k, int end) const { return {k < end ? k : -1}; }
  BONSAI_DEVICE ALine a_line(int row) const { return {row < p.m ? from_a + row * p.a.row : nullptr}; }
  BONSAI_DEVICE BLine b_line(int column) const { return {column < p.n ? from_b + column * p.b.column : nullptr}; }
  BONSAI_DEVICE T a(const ALine& l, const Note& n) const { return l.row && n.k >= 0 ? l.row[n.k * p.a.column] : T(0); }
  BONSAI_DEVICE T b(const BLine& l, const Note& n) const { return l.column && n.k >= 0 ? l.column[n.k * p.b.row] : T(0); }
};

template <class T>
BONSAI_HOST_DEVICE T bias_at(const Product& p, std::int64_t row, std::int64_t column) {
  return p.bias ? static_cast<const T*>(p.bias)[p.turned ? row : column] : T(0);
}

// Without parts the result goes to C, with them to sums (part, batch, m, n).
template <class T, class Tile, class Source>
__global__ void __launch_bounds__(Tile::threads, Tile::blocks) kernel(Product p, int tiles_m, int tiles_n, int parts, T* sums) {
  std::int64_t b = blockIdx.x;
  const int tile_n = static_cast<int>(b % tiles_n), tile_m = static_cast<int>((b /= tiles_n) % tiles_m), part = static_cast<int>((b /= tiles_m) % parts);
  const std::int64_t batch = b / parts;
  const Source source{p, static_cast<const T*>(p.a.data) + p.a.batch.at(batch), static_cast<const T*>(p.b.data) + p.b.batch.at(batch)};
  const int row = tile_m * Tile::rows, column = tile_n * Tile::columns;
  const Part k = part_of(static_cast<int>(p.k), part, parts);
  T own[Tile::own_rows][Tile::own_columns] = {};
  multiply<T, Tile>(source, row, column, k.begin, k.end, own);
  const int t = static_cast<int>(threadIdx.x);
  T* c = static_cast<T*>(p.c.data) + p.c.batch.at(batch);
#pragma unroll
  for (int i = 0; i < Tile::own_rows; ++i)
#pragma unroll
    for (int j = 0; j < Tile::own_columns; ++j) {
      const std::int64_t y = row + Tile::row(t, i), x = column + Tile::column(t, j);
      if (y >= p.m || x >= p.n) continue;
      if (sums) sums[((part * p.c.batch.numel + batch) * p.m + y) * p.n + x] = own[i][j];
      else c[y * p.c.row + x * p.c.column] = own[i][j] + bias_at<T>(p, y, x);
    }
}

template <class T>
void add_product_parts(Product p, const T* sums, int parts) {
  const std::int64_t n = p.c.batch.numel * p.m * p.n;
  each("matmul", n, [=] BONSAI_DEVICE(std::int64_t i) {
    const std::int64_t x = i % p.n, y = i / p.n % p.m, batch = i / p.n / p.m;
    static_cast<T*>(p.c.data)[p.c.batch.at(batch) + y * p.c.row + x * p.c.column] = static_cast<T>(add_parts(sums, i, n, parts) + static_cast<double>(bias_at<T>(p, y, x)));
  });
}

template <class T, class Tile, class Source>
void run(const Product& p) {
  const std::int64_t tiles_m = blocks_for(p.m, Tile::rows), tiles_n = blocks_for(p.n, Tile::columns);
  const int parts = parts_for(tiles_m * tiles_n, p.k);
  const DeviceScratch<T> sums(parts > 1 ? parts * p.c.batch.numel * p.m * p.n : 0);
  const std::int64_t blocks = tiles_m * tiles_n * parts * p.c.batch.numel;
  require(blocks < (std::int64_t{1} << 31) && p.k < (std::int64_t{1} << 30), "matmul: {} products of ({}, {}) and ({}, {}) are too many for one launch; cut the batch", p.c.batch.numel, p.m, p.k, p.k, p.n);
  launch("matmul", kernel<T, Tile, Source>, dim3(static_cast<unsigned>(blocks)), dim3(Tile::threads), shared_bytes<T, Tile, Source>(), current_stream(), p, static_cast<int>(tiles_m),
         static_cast<int>(tiles_n), parts, parts > 1 ? sums.data() : nullptr);
  if (parts > 1) add_product_parts(p, sums.data(), parts);
}

// The tile of a product: 32 or 128 rows, the shorter side of C.
template <class T>
void run_own(Product p) {
  if (p.m > p.n) {  // Cᵀ = Bᵀ Aᵀ
    std::swap(p.m, p.n), std::swap(p.a, p.b), p.turned = !p.turned;
    for (Matrix* x : {&p.a, &p.b, &p.c}) std::swap(x->row, x->column);
  }
  const bool a_along_k = p.a.column == 1 && p.a.row != 1, b_along_k = p.b.row == 1 && p.b.column != 1;
  auto with_source = [&]<class Tile>(Tile) {
    if (a_along_k && b_along_k) run<T, Tile, Strides<T, true, true>>(p);
    else if (a_along_k) run<T, Tile, Strides<T, true, false>>(p);
    else if (b_along_k) run<T, Tile, Strides<T, false, true>>(p);
    else run<T, Tile, Strides<T, false, false>>(p);
  };
  if constexpr (sizeof(T) == 8) with_source(Tile<32, 64, 4, 4>{});
  else if (p.m <= 64) with_source(Tile<32, 128, 4, 8>{});
  else with_source(Tile<128, 128, 8, 8>{});
}

Matrix matrix(const View& v) {
  const int r = v.shape.rank() - 2;
  return {strided(v.data, Shape(std::span(v.shape.begin(), r)), Shape(std::span(v.strides.begin(), r))), v.strides[r], v.strides[r + 1], v.data};
}

void product(View a, View b, View c, View bias) {
  if (c.shape.numel() == 0) return;
  if (blas_product(a, b, c, bias)) return;
  const int r = c.shape.rank() - 2;
  const Product p{matrix(a), matrix(b), matrix(c), c.shape[r], c.shape[r + 1], a.shape[r + 1], bias.data, false};
  dispatch_floating("matmul", a.dtype, [&]<class T>() { run_own<T>(p); });
}

void matmul(View a, View b, View c) { product(a, b, c, {}); }
void linear(View x, View w, View bias, View y) { product(x, transposed(w), y, bias); }

}  // namespace

void add_products(Backend& b) {
  b.matmul.run = matmul;
  b.linear.run = linear;
}

}  // namespace bonsai::cuda
