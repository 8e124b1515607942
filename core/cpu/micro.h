// The innermost loop of every dense product, and the sizes of its tile: R rows of A times one panel, a few vectors wide. The R x panel sums
// stay in registers; a step loads the panel's row, and broadcasts R numbers of A, each used for the whole width.
#pragma once
#include <cstdint>

#include "core/cpu/lanes.h"

namespace bonsai::BONSAI_ISA {

#if defined(__AVX512F__)
constexpr int vectors = 4, tile_rows = 6, k_block = 128;  // 24 of 32 registers hold sums
#elif defined(__AVX2__)
constexpr int vectors = 2, tile_rows = 6, k_block = 256;  // 12 of 16
#else
constexpr int vectors = 2, tile_rows = 4, k_block = 256;  // 8 of 16
#endif
template <class T>
constexpr int panel_columns = vectors * Simd<T>::width;

// A panel of V vectors whose rows were copied one after the other.
template <class T, int V = vectors>
struct PackedPanel {
  const T* data;
  [[gnu::always_inline]] Vec<T> operator()(std::int64_t p, int v) const { return load(data + (p * V + v) * Simd<T>::width); }
};
// A panel that is read where it lies: vector v of row p is at offset[p] + place[v], or half of it at place[2 v] and half at place[2 v + 1].
template <class T, int V, int Parts>
struct ScatteredPanel {
  const T* data;
  const std::int64_t* offset;
  std::int64_t place[Parts * V];
  [[gnu::always_inline]] Vec<T> operator()(std::int64_t p, int v) const {
    const T* row = data + offset[p];
    if constexpr (Parts == 1) return load(row + place[v]);
    else return load_halves(row + place[2 * v], row + place[2 * v + 1]);
  }
};

// sums (R, panel) += A (R, k) times k rows of a panel, or = if it is the first block. ColumnStride 0: it is only known at run time.
template <class T, int R, int ColumnStride, class Panel>
void micro(std::int64_t k, const T* a, std::int64_t row, std::int64_t column, Panel b, T* sums, bool first) {
  using V = Vec<T>;
  constexpr int width = Simd<T>::width, panel = panel_columns<T>;
  if (ColumnStride) column = ColumnStride;
  V c[R][vectors];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < vectors; ++v) c[r][v] = first ? V{} : load<T>(sums + r * panel + v * width);
  for (std::int64_t p = 0; p < k; ++p) {
    V x[vectors];
    for (int v = 0; v < vectors; ++v) x[v] = b(p, v);
    for (int r = 0; r < R; ++r) {
      const T s = a[r * row + p * column];
      for (int v = 0; v < vectors; ++v) c[r][v] += s * x[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < vectors; ++v) store<T>(sums + r * panel + v * width, c[r][v]);
}

template <class T, int ColumnStride, class Panel>
void micro_rows(int rows, std::int64_t k, const T* a, std::int64_t row, std::int64_t column, Panel b, T* sums, bool first) {
  switch (rows) {
    case 1: return micro<T, 1, ColumnStride>(k, a, row, column, b, sums, first);
    case 2: return micro<T, 2, ColumnStride>(k, a, row, column, b, sums, first);
    case 3: return micro<T, 3, ColumnStride>(k, a, row, column, b, sums, first);
    case 4: return micro<T, 4, ColumnStride>(k, a, row, column, b, sums, first);
    case 5: if constexpr (tile_rows > 4) return micro<T, 5, ColumnStride>(k, a, row, column, b, sums, first);
    case 6: if constexpr (tile_rows > 5) return micro<T, 6, ColumnStride>(k, a, row, column, b, sums, first);
  }
}

}  // namespace bonsai::BONSAI_ISA
