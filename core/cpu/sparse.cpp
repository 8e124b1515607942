// Sparse products, vectorised over the batch: activations are (features, batch), so one kept value meets a whole row of them.
//
//   y = S x     the sums of one output row, up to 64 floats of the batch, stay in registers while the row's entries pass by; an entry
//               costs the load of its value and index, and one load and fused multiply-add a vector
//   v = y xᵀ    where S has entries: the row of y stays in registers; an entry is a product of two rows, and the vectors of partial sums
//               of many entries are added up together, in a tree of shuffles
//
// A batch that is no multiple of the vector is covered by a last vector that overlaps the one before: it computes some columns twice, with
// the same bits. Batches below one vector are plain loops.
#include <algorithm>
#include <type_traits>

#include "core/cpu/kernels.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif
constexpr int most_vectors = 256 / vector_bytes < 8 ? 256 / vector_bytes : 8;  // of sums that stay in registers
constexpr std::int64_t rows_per_tile = 16;

template <class T>
struct Simd {
  typedef T Vector __attribute__((vector_size(vector_bytes), may_alias, aligned(sizeof(T))));
  static constexpr int width = vector_bytes / sizeof(T);
};
template <class T>
using Vec = typename Simd<T>::Vector;
template <class T>
Vec<T> load(const T* from) { return *reinterpret_cast<const Vec<T>*>(from); }
template <class T>
void store(T* to, Vec<T> v) { *reinterpret_cast<Vec<T>*>(to) = v; }

// Where the vectors that cover n columns begin: 0, w, 2w, ..., and the last at n - w.
struct Cover {
  std::int64_t vectors, last;
  Cover(std::int64_t n, int width) : vectors((n + width - 1) / width), last(n - width) {}
};

// V vectors of one output row. The last of them begins at `last`, the others at multiples of the width from `first`.
template <class T, int V>
void row_times(SparseView s, const T* values, const T* x, std::int64_t n, std::int64_t r, T bias, T* y, std::int64_t first, std::int64_t last) {
  constexpr int w = Simd<T>::width;
  Vec<T> sum[V];
  for (int v = 0; v < V; ++v) sum[v] = Vec<T>{} + bias;
  const std::int32_t end = s.begin[r + 1];
  for (std::int32_t k = s.begin[r]; k < end; ++k) {
    const T value = values[s.from ? s.from[k] : k];
    const T* row = x + std::int64_t{s.index[k]} * n;
    for (int v = 0; v < V - 1; ++v) sum[v] += value * load<T>(row + first + v * w);
    sum[V - 1] += value * load<T>(row + last);
  }
  for (int v = 0; v < V - 1; ++v) store<T>(y + r * n + first + v * w, sum[v]);
  store<T>(y + r * n + last, sum[V - 1]);
}

template <class T, int V = most_vectors>
void rows_times(std::int64_t vectors, SparseView s, const T* values, const T* x, std::int64_t n, std::int64_t r, T bias, T* y, std::int64_t first,
                std::int64_t last) {
  if constexpr (V > 1)
    if (vectors < V) return rows_times<T, V - 1>(vectors, s, values, x, n, r, bias, y, first, last);
  row_times<T, V>(s, values, x, n, r, bias, y, first, last);
}

template <class T>
void row_times_narrow(SparseView s, const T* values, const T* x, std::int64_t n, std::int64_t r, T bias, T* y) {
  for (std::int64_t j = 0; j < n; ++j) y[r * n + j] = bias;
  for (std::int32_t k = s.begin[r]; k < s.begin[r + 1]; ++k) {
    const T value = values[s.from ? s.from[k] : k];
    for (std::int64_t j = 0; j < n; ++j) y[r * n + j] += value * x[std::int64_t{s.index[k]} * n + j];
  }
}

// Lane i of the result is the sum of neighbours 2i and 2i+1 of a followed by b.
template <class T>
Vec<T> add_neighbours(Vec<T> a, Vec<T> b) {
  constexpr int w = Simd<T>::width;
#if defined(__clang__)
  Vec<T> x{}, y{};  // (clang's shuffle wants its indices as literals; it makes one of these loops all the same)
  for (int i = 0; i < w; ++i) {
    x[i] = 2 * i < w ? a[2 * i] : b[2 * i - w];
    y[i] = 2 * i < w ? a[2 * i + 1] : b[2 * i + 1 - w];
  }
  return x + y;
#else
  typedef std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> Lane;
  typedef Lane Lanes __attribute__((vector_size(vector_bytes)));
  Lanes even{}, odd{};
  for (int i = 0; i < w; ++i) {
    even[i] = 2 * i;
    odd[i] = 2 * i + 1;
  }
  typedef T Plain __attribute__((vector_size(vector_bytes)));
  return Vec<T>(__builtin_shuffle(Plain(a), Plain(b), even)) + Vec<T>(__builtin_shuffle(Plain(a), Plain(b), odd));
#endif
}

// The sums of N vectors in the first N lanes.
template <class T, int N>
Vec<T> sums_of(Vec<T>* v) {
  for (int n = N; n > 1; n /= 2)
    for (int i = 0; i < n / 2; ++i) v[i] = add_neighbours<T>(v[2 * i], v[2 * i + 1]);
  for (int n = N; n < Simd<T>::width; n *= 2) v[0] = add_neighbours<T>(v[0], v[0]);
  return v[0];
}

// The products over V vectors of the batch for N entries at a time, while there are so many; then for half as many.
template <class T, int V, int N>
void entry_products(const std::int32_t* index, std::int64_t entries, const Vec<T> (&mine)[V], const T* x, std::int64_t n, T* values, std::int64_t first, std::int64_t last,
                    bool fresh) {
  constexpr int w = Simd<T>::width;
  for (; entries >= N; entries -= N, index += N, values += N) {
    Vec<T> sum[N];
#pragma GCC unroll 16
    for (int e = 0; e < N; ++e) {
      const T* row = x + std::int64_t{index[e]} * n;
      sum[e] = mine[V - 1] * load<T>(row + last);
      for (int v = 0; v < V - 1; ++v) sum[e] += mine[v] * load<T>(row + first + v * w);
    }
    const Vec<T> totals = sums_of<T, N>(sum);
    if constexpr (N == w) store<T>(values, fresh ? totals : load<T>(values) + totals);
    else
      for (int e = 0; e < N; ++e) values[e] = fresh ? totals[e] : values[e] + totals[e];
  }
  if constexpr (N > 1) entry_products<T, V, N / 2>(index, entries, mine, x, n, values, first, last, fresh);
}

// Adds the products over V vectors of the batch to the entries of row r; `fresh`: sets them instead. The first `counted` lanes of the last
// vector belong to the one before.
template <class T, int V>
void row_products(SparseView s, const T* y, const T* x, std::int64_t n, std::int64_t r, T* values, std::int64_t first, std::int64_t last, int counted, bool fresh) {
  constexpr int w = Simd<T>::width;
  Vec<T> mine[V];
  for (int v = 0; v < V - 1; ++v) mine[v] = load<T>(y + r * n + first + v * w);
  mine[V - 1] = load<T>(y + r * n + last);
  for (int i = 0; i < counted; ++i) mine[V - 1][i] = T(0);
  entry_products<T, V, w>(s.index + s.begin[r], s.begin[r + 1] - s.begin[r], mine, x, n, values + s.begin[r], first, last, fresh);
}

template <class T, int V = most_vectors>
void rows_products(std::int64_t vectors, SparseView s, const T* y, const T* x, std::int64_t n, std::int64_t r, T* values, std::int64_t first, std::int64_t last,
                   int counted, bool fresh) {
  if constexpr (V > 1)
    if (vectors < V) return rows_products<T, V - 1>(vectors, s, y, x, n, r, values, first, last, counted, fresh);
  row_products<T, V>(s, y, x, n, r, values, first, last, counted, fresh);
}

template <class T>
void row_products_narrow(SparseView s, const T* y, const T* x, std::int64_t n, std::int64_t r, T* values) {
  for (std::int32_t k = s.begin[r]; k < s.begin[r + 1]; ++k) {
    T total = T(0);
    for (std::int64_t j = 0; j < n; ++j) total += y[r * n + j] * x[std::int64_t{s.index[k]} * n + j];
    values[k] = total;
  }
}

// row(r) for all rows, in tiles.
template <class F>
void each_row(SparseView s, F row) {
  parallel_for((s.rows + rows_per_tile - 1) / rows_per_tile, [&](std::int64_t tile) {
    for (std::int64_t r = tile * rows_per_tile; r < std::min(s.rows, (tile + 1) * rows_per_tile); ++r) row(r);
  });
}

}  // namespace

void sparse_matmul(SparseView s, View values, View x, View bias, View y) {
  on_real(values.dtype, [&]<class T>() {
    constexpr int w = Simd<T>::width;
    const std::int64_t n = y.shape[1];
    const Cover cover(n, w);
    each_row(s, [&](std::int64_t r) {
      const T b = bias.data ? bias.as<T>()[r] : T(0);
      if (n < w) return row_times_narrow<T>(s, values.as<T>(), x.as<T>(), n, r, b, y.as<T>());
      for (std::int64_t v = 0; v < cover.vectors; v += most_vectors) {
        const std::int64_t now = std::min<std::int64_t>(most_vectors, cover.vectors - v);
        const std::int64_t last = v + now == cover.vectors ? cover.last : (v + now - 1) * w;
        rows_times<T>(now, s, values.as<T>(), x.as<T>(), n, r, b, y.as<T>(), v * w, last);
      }
    });
  });
}

void sampled_matmul(SparseView s, View y, View x, View values) {
  on_real(values.dtype, [&]<class T>() {
    constexpr int w = Simd<T>::width;
    const std::int64_t n = y.shape[1];
    const Cover cover(n, w);
    each_row(s, [&](std::int64_t r) {
      if (n < w) return row_products_narrow<T>(s, y.as<T>(), x.as<T>(), n, r, values.as<T>());
      for (std::int64_t v = 0; v < cover.vectors; v += most_vectors) {
        const std::int64_t now = std::min<std::int64_t>(most_vectors, cover.vectors - v);
        const bool ends = v + now == cover.vectors;
        const std::int64_t last = ends ? cover.last : (v + now - 1) * w;
        const int counted = ends ? static_cast<int>((cover.vectors - 1) * w - cover.last) : 0;
        rows_products<T>(now, s, y.as<T>(), x.as<T>(), n, r, values.as<T>(), v * w, last, counted, v == 0);
      }
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
