// Products with a sparse matrix go over the batch in panels: columns of X (features, batch) whose sums stay in registers, a few vectors of them, while a
// row's entries pass by.
//
// A batch that is no multiple of the vector is covered by a last vector that overlaps the one before: it computes some columns twice, with
// the same bits. Batches smaller than a vector are plain loops.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/cpu/lanes.h"

namespace bonsai::BONSAI_ISA {

constexpr int most_vectors = 256 / vector_bytes < 8 ? 256 / vector_bytes : 8;  // of sums that stay in registers

// The columns of the batch that are worked on together: vectors at first, first + width, ..., and the last at `last`, whose first
// `counted` lanes belong to the one before.
struct Panel {
  std::int64_t n, first, last;
  int vectors, counted;
};
// f(panel, is it the first?) for the panels that cover n columns.
template <class F>
void each_panel(std::int64_t n, std::int64_t width, F f) {
  const std::int64_t vectors = (n + width - 1) / width;
  for (std::int64_t v = 0; v < vectors; v += most_vectors) {
    const std::int64_t now = std::min<std::int64_t>(most_vectors, vectors - v);
    const bool ends = v + now == vectors;
    f(Panel{n, v * width, ends ? n - width : (v + now - 1) * width, static_cast<int>(now), ends ? static_cast<int>(vectors * width - n) : 0}, v == 0);
  }
}

// f<V>() with V the number of vectors.
template <int V = most_vectors, class F>
[[gnu::always_inline]] inline auto with_vectors(int vectors, F f) {
  if constexpr (V > 1)
    if (vectors < V) return with_vectors<V - 1>(vectors, f);
  return f.template operator()<V>();
}

// V vectors of rows c to stop - 1 of x (.., n), side by side: where they are, when that is all there is of them, else copied together.
template <class T, int V>
const T* rows_together(const T* x, std::int64_t n, Panel at, std::int64_t c, std::int64_t stop, T* copy) {
  constexpr int w = Simd<T>::width;
  if (n == V * w) return x + c * n;
  for (std::int64_t k = c; k < stop; ++k)
    for (int v = 0; v < V; ++v) store<T>(copy + ((k - c) * V + v) * w, load<T>(x + k * n + (v < V - 1 ? at.first + v * w : at.last)));
  return copy;
}

}  // namespace bonsai::BONSAI_ISA
