// Sparse products, vectorised over the batch: activations are (features, batch), so one kept value meets a whole row of them.
//
//   y = S x     the sums of one output row, up to 64 floats of the batch, stay in registers while the row's entries pass by; an entry
//               costs the load of its value and index, and one load and fused multiply-add a vector
//   v = y xᵀ    where S has entries: the row of y stays in registers; an entry is a product of two rows, and the vectors of partial sums
//               of eight entries, and of four at the row's end, are added up together, in a tree of shuffles
//
// Blocked: x does not fit the first-level cache. So where rows have entries enough, a tile of rows takes the columns of S a block at a
// time, whose rows of x do fit and serve all rows of the tile. The order of each sum stays the same, and so do its bits.
#include <algorithm>
#include <type_traits>

#include "core/cpu/kernels.h"
#include "core/cpu/lanes.h"
#include "core/cpu/panels.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {
namespace {

constexpr std::int64_t rows_per_tile = 48;
constexpr std::int64_t block_columns = 112;  // of 256 bytes each: 28 KB
constexpr std::int64_t worth_a_block = 25;   // entries a row and block; with fewer, loading and storing its sums costs more than it saves

// One output row, its entries from k on that lie before column `stop`; returns the next. The sums go on from what y holds, or start from
// the bias.
template <class T, int V, bool Permuted>
std::int32_t row_times(SparseView s, const T* values, const T* x, Panel p, std::int64_t r, std::int32_t k, std::int64_t stop, bool go_on, T bias, T* y) {
  constexpr int w = Simd<T>::width;
  const std::int64_t n = p.n, last = p.last - p.first;
  x += p.first;
  y += r * n + p.first;
  Vec<T> sum[V];
  for (int v = 0; v < V - 1; ++v) sum[v] = go_on ? load<T>(y + v * w) : Vec<T>{} + bias;
  sum[V - 1] = go_on ? load<T>(y + last) : Vec<T>{} + bias;
  const std::int32_t end = s.begin[r + 1];
  const auto stop_at = static_cast<std::int32_t>(stop);
  for (std::int32_t column; k < end && (column = s.index[k]) < stop_at; ++k) {
    const T value = values[Permuted ? s.from[k] : k];
    const T* row = x + column * n;
    for (int v = 0; v < V - 1; ++v) sum[v] += value * load<T>(row + v * w);
    sum[V - 1] += value * load<T>(row + last);
  }
  for (int v = 0; v < V - 1; ++v) store<T>(y + v * w, sum[v]);
  store<T>(y + last, sum[V - 1]);
  return k;
}

template <class T>
void row_times_narrow(SparseView s, const T* values, const T* x, std::int64_t n, std::int64_t r, T bias, T* y) {
  if (n == 1) {  // four sums, so that one does not wait for the other
    T sum[4] = {bias};
    std::int32_t k = s.begin[r];
    const std::int32_t end = s.begin[r + 1];
    for (; k + 4 <= end; k += 4)
      for (int i = 0; i < 4; ++i) sum[i] += values[s.from ? s.from[k + i] : k + i] * x[s.index[k + i]];
    for (; k < end; ++k) sum[0] += values[s.from ? s.from[k] : k] * x[s.index[k]];
    y[r] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    return;
  }
  for (std::int64_t j = 0; j < n; ++j) y[r * n + j] = bias;
  for (std::int32_t k = s.begin[r]; k < s.begin[r + 1]; ++k) {
    const T value = values[s.from ? s.from[k] : k];
    for (std::int64_t j = 0; j < n; ++j) y[r * n + j] += value * x[std::int64_t{s.index[k]} * n + j];
  }
}

// The partial sums of one entry's product.
template <class T, int V>
[[gnu::always_inline]] inline Vec<T> product(const Vec<T> (&mine)[V], const T* row, std::int64_t last) {
  constexpr int w = Simd<T>::width;
  Vec<T> sum = mine[V - 1] * load<T>(row + last);
  for (int v = 0; v < V - 1; ++v) sum += mine[v] * load<T>(row + v * w);
  return sum;
}

// The products of N entries of which `there` count: the others repeat the last and are not stored.
template <class T, int V, int N>
[[gnu::always_inline]] inline void entry_products(const std::int32_t* index, int there, const Vec<T> (&mine)[V], const T* x, std::int64_t n, std::int64_t last,
                                                  T* values, bool fresh) {
  Vec<T> sum[N];
#pragma GCC unroll 8
  for (int e = 0; e < N; ++e) sum[e] = product<T, V>(mine, x + index[std::min(e, there - 1)] * n, last);
  const Vec<T> totals = sums_of<T, N>(sum);
  if (N == Simd<T>::width && there >= N) return store<T>(values, fresh ? totals : load<T>(values) + totals);
  for (int e = 0; e < std::min(N, there); ++e) {
    const T before = fresh ? T(0) : values[e];
    values[e] = before + totals[e];
  }
}

// The entries of row r from k on, several at a time while the first lies before column `stop`, and those that are left over once no
// column follows; returns the next. `fresh`: sets the values, instead of adding to them.
template <class T, int V>
std::int32_t row_products(SparseView s, const T* y, const T* x, Panel p, std::int64_t r, std::int32_t k, std::int64_t stop, T* values, bool fresh) {
  constexpr int w = Simd<T>::width, many = w < 8 ? w : 8, few = w < 4 ? w : 4;
  const std::int64_t n = p.n, last = p.last - p.first;
  x += p.first;
  y += r * n + p.first;
  Vec<T> mine[V];
  for (int v = 0; v < V - 1; ++v) mine[v] = load<T>(y + v * w);
  mine[V - 1] = load<T>(y + last);
  for (int i = 0; i < p.counted; ++i) mine[V - 1][i] = T(0);
  const std::int32_t end = s.begin[r + 1];
  for (; k + many <= end && s.index[k] < stop; k += many) entry_products<T, V, many>(s.index + k, many, mine, x, n, last, values + k, fresh);
  if (stop < s.columns) return k;
  for (; k < end; k += few) entry_products<T, V, few>(s.index + k, end - k, mine, x, n, last, values + k, fresh);
  return end;
}

template <class T>
void row_products_narrow(SparseView s, const T* y, const T* x, std::int64_t n, std::int64_t r, T* values) {
  for (std::int32_t k = s.begin[r]; k < s.begin[r + 1]; ++k) {
    T total = T(0);
    for (std::int64_t j = 0; j < n; ++j) total += y[r * n + j] * x[std::int64_t{s.index[k]} * n + j];
    values[k] = total;
  }
}

// tile(first row, last row) for all rows.
template <class F>
void each_tile(SparseView s, F tile) {
  parallel_for((s.rows + rows_per_tile - 1) / rows_per_tile,
               [&](std::int64_t t) { tile(t * rows_per_tile, std::min(s.rows, (t + 1) * rows_per_tile)); });
}

// k = row(r, k, stop, is it the row's first block?) for the rows of a tile: all their entries at once, or a block of columns after the other.
template <class F>
void each_block(SparseView s, std::int64_t r0, std::int64_t r1, F row) {
  const std::int64_t blocks = (s.columns + block_columns - 1) / block_columns;
  if (s.begin[s.rows] < worth_a_block * blocks * s.rows || blocks < 2) {
    for (std::int64_t r = r0; r < r1; ++r) row(r, s.begin[r], s.columns, true);
    return;
  }
  std::int32_t next[rows_per_tile];
  for (std::int64_t r = r0; r < r1; ++r) next[r - r0] = s.begin[r];
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t r = r0; r < r1; ++r) next[r - r0] = row(r, next[r - r0], std::min(s.columns, (b + 1) * block_columns), b == 0);
}

}  // namespace

void sparse_matmul(SparseView s, View values, View x, View bias, View y) {
  on_real(values.dtype, [&]<class T>() {
    constexpr int w = Simd<T>::width;
    const std::int64_t n = y.shape[1];
    auto bias_of = [&](std::int64_t r) { return bias.data ? bias.as<T>()[r] : T(0); };
    each_tile(s, [&](std::int64_t r0, std::int64_t r1) {
      if (n < w)
        for (std::int64_t r = r0; r < r1; ++r) row_times_narrow<T>(s, values.as<T>(), x.as<T>(), n, r, bias_of(r), y.as<T>());
      else
        each_panel(n, w, [&](Panel p, bool) {
          with_vectors(p.vectors, [&]<int V>() {
            each_block(s, r0, r1, [&](std::int64_t r, std::int32_t k, std::int64_t stop, bool first) {
              return s.from ? row_times<T, V, true>(s, values.as<T>(), x.as<T>(), p, r, k, stop, !first, bias_of(r), y.as<T>())
                            : row_times<T, V, false>(s, values.as<T>(), x.as<T>(), p, r, k, stop, !first, bias_of(r), y.as<T>());
            });
          });
        });
    });
  });
}

void sampled_matmul(SparseView s, View y, View x, View values) {
  on_real(values.dtype, [&]<class T>() {
    constexpr int w = Simd<T>::width;
    const std::int64_t n = y.shape[1];
    each_tile(s, [&](std::int64_t r0, std::int64_t r1) {
      if (n < w)
        for (std::int64_t r = r0; r < r1; ++r) row_products_narrow<T>(s, y.as<T>(), x.as<T>(), n, r, values.as<T>());
      else
        each_panel(n, w, [&](Panel p, bool fresh) {
          with_vectors(p.vectors, [&]<int V>() {
            each_block(s, r0, r1, [&](std::int64_t r, std::int32_t k, std::int64_t stop, bool) {
              return row_products<T, V>(s, y.as<T>(), x.as<T>(), p, r, k, stop, values.as<T>(), fresh);
            });
          });
        });
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
