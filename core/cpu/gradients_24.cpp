// The two products of a 2:4 layer's backward pass: x = Wᵀ y, and the entries of y xᵀ that W has.
//
//   x = Wᵀ y    a block of 96 rows of x stays in the first cache, while the rows of W that add to them pass by: an entry is a load, a fused
//               multiply-add and a store a vector. No sum can stay in a register, since which of four rows an entry adds to is known by its bits
//               alone; so this costs what the dense product costs with AVX-512, which stores one vector a cycle, and half of it with AVX2.
//   v = y xᵀ    a row of y stays in registers, 96 rows of x in the first cache; the vectors of partial sums of eight entries are added up together
//
// As in matmul_24.cpp the weights' pieces of a few rows ahead are asked for by hand. Sums go over rows, or over the batch, in their order.
#include <algorithm>

#include "core/cpu/kernels.h"
#include "core/cpu/panels.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {
namespace {

constexpr std::int64_t rows_per_tile = 128, block_columns = 96, rows_ahead = 8;

template <class T>
void transposed_block(Sparse24View s, const T* values, const T* y, T* x, std::int64_t n, std::int64_t c, std::int64_t stop) {
  constexpr int w = Simd<T>::width;
  const std::int64_t bytes = (s.columns + 7) / 8, groups = (stop - c) / 4;
  each_panel(n, w, [&](Panel at, bool) {
    with_vectors(at.vectors, [&]<int V>() {
      alignas(64) T sums[block_columns * V * w];
      std::fill(sums, sums + (stop - c) * V * w, T(0));
      for (std::int64_t r = 0; r < s.rows; ++r) {
        const T* v = values + r * (s.columns / 2) + c / 2;
        const std::uint8_t* positions = s.positions + r * bytes + c / 8;
        if (r + rows_ahead < s.rows) {
          for (std::int64_t b = 0; b < (stop - c) / 2; b += 64 / static_cast<int>(sizeof(T))) __builtin_prefetch(v + rows_ahead * (s.columns / 2) + b);
          __builtin_prefetch(positions + rows_ahead * bytes);
        }
        Vec<T> mine[V];
        for (int i = 0; i < V; ++i) mine[i] = load<T>(y + r * n + (i < V - 1 ? at.first + i * w : at.last));
        for (std::int64_t g = 0; g < groups; ++g) {
          const unsigned b = positions[g / 2] >> (4 * (g % 2));
          T* first = sums + (4 * g + (b & 3)) * V * w;
          T* second = sums + (4 * g + (b >> 2 & 3)) * V * w;
          for (int i = 0; i < V; ++i) store<T>(first + i * w, load<T>(first + i * w) + v[2 * g] * mine[i]);
          for (int i = 0; i < V; ++i) store<T>(second + i * w, load<T>(second + i * w) + v[2 * g + 1] * mine[i]);
        }
      }
      for (std::int64_t k = c; k < stop; ++k)
        for (int i = 0; i < V; ++i) store<T>(x + k * n + (i < V - 1 ? at.first + i * w : at.last), load<T>(sums + ((k - c) * V + i) * w));
    });
  });
}

template <class T>
void transposed_narrow(Sparse24View s, const T* values, const T* y, T* x, std::int64_t n, std::int64_t c, std::int64_t stop) {
  const std::int64_t bytes = (s.columns + 7) / 8;
  std::fill(x + c * n, x + stop * n, T(0));
  for (std::int64_t r = 0; r < s.rows; ++r)
    for (std::int64_t k = c / 2; k < stop / 2; ++k) {
      const std::int64_t column = k / 2 * 4 + (s.positions[r * bytes + k / 4] >> (2 * (k % 4)) & 3);
      for (std::int64_t j = 0; j < n; ++j) x[column * n + j] += values[r * (s.columns / 2) + k] * y[r * n + j];
    }
}

// Entries c/2 to stop/2 - 1 of row r; x: the rows they are multiplied with. `fresh`: sets the values, instead of adding to them.
template <class T, int V>
void sampled_row(Sparse24View s, const T* y, const T* x, Panel at, std::int64_t r, std::int64_t c, std::int64_t stop, T* values, bool fresh) {
  constexpr int w = Simd<T>::width, together = w < 8 ? w : 8;
  const std::int64_t n = at.n;
  const std::uint8_t* positions = s.positions + r * ((s.columns + 7) / 8) + c / 8;
  T* v = values + r * (s.columns / 2) + c / 2;
  Vec<T> mine[V];
  for (int i = 0; i < V; ++i) mine[i] = load<T>(y + r * n + (i < V - 1 ? at.first + i * w : at.last));
  for (int i = 0; i < at.counted; ++i) mine[V - 1][i] = T(0);
  const std::int64_t entries = (stop - c) / 2;
  for (std::int64_t k = 0; k < entries; k += together) {
    const auto there = static_cast<int>(std::min<std::int64_t>(together, entries - k));
    Vec<T> sum[together];
#pragma GCC unroll 8
    for (int e = 0; e < together; ++e) {
      const std::int64_t entry = k + std::min(e, there - 1);  // (those beyond the last repeat it, and are not stored)
      const T* row = x + (entry / 2 * 4 + (positions[entry / 4] >> (2 * (entry % 4)) & 3)) * V * w;
      sum[e] = mine[0] * load<T>(row);
      for (int i = 1; i < V; ++i) sum[e] += mine[i] * load<T>(row + i * w);
    }
    const Vec<T> totals = sums_of<T, together>(sum);
    for (int e = 0; e < there; ++e) v[k + e] = (fresh ? T(0) : v[k + e]) + totals[e];
  }
}

template <class T>
void sampled_narrow(Sparse24View s, const T* y, const T* x, std::int64_t n, std::int64_t r, T* values) {
  const std::uint8_t* positions = s.positions + r * ((s.columns + 7) / 8);
  for (std::int64_t k = 0; k < s.columns / 2; ++k) {
    const T* row = x + (k / 2 * 4 + (positions[k / 4] >> (2 * (k % 4)) & 3)) * n;
    T total = T(0);
    for (std::int64_t j = 0; j < n; ++j) total += y[r * n + j] * row[j];
    values[r * (s.columns / 2) + k] = total;
  }
}

}  // namespace

void matmul_24_transposed(Sparse24View s, View values, View y, View x) {
  on_real(values.dtype, [&]<class T>() {
    parallel_for((s.columns + block_columns - 1) / block_columns, [&](std::int64_t t) {
      const std::int64_t c = t * block_columns, stop = std::min(s.columns, c + block_columns), n = x.shape[1];
      if (n < Simd<T>::width) transposed_narrow<T>(s, values.as<T>(), y.as<T>(), x.as<T>(), n, c, stop);
      else transposed_block<T>(s, values.as<T>(), y.as<T>(), x.as<T>(), n, c, stop);
    });
  });
}

void sampled_matmul_24(Sparse24View s, View y, View x, View values) {
  on_real(values.dtype, [&]<class T>() {
    constexpr int w = Simd<T>::width;
    const std::int64_t n = y.shape[1];
    parallel_for((s.rows + rows_per_tile - 1) / rows_per_tile, [&](std::int64_t t) {
      const std::int64_t begin = t * rows_per_tile, end = std::min(s.rows, begin + rows_per_tile);
      if (n < w)
        for (std::int64_t r = begin; r < end; ++r) sampled_narrow<T>(s, y.as<T>(), x.as<T>(), n, r, values.as<T>());
      else
        each_panel(n, w, [&](Panel at, bool fresh) {
          with_vectors(at.vectors, [&]<int V>() {
            alignas(64) T copy[block_columns * V * w];
            for (std::int64_t c = 0; c < s.columns; c += block_columns) {
              const std::int64_t stop = std::min(s.columns, c + block_columns);
              const T* block = rows_together<T, V>(x.as<T>(), n, at, c, stop, copy);
              for (std::int64_t r = begin; r < end; ++r) sampled_row<T, V>(s, y.as<T>(), block, at, r, c, stop, values.as<T>(), fresh);
            }
          });
        });
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
