// y = W x for a W of which every four columns keep two: half the multiply-adds of a dense product, if nothing else costs more.
//
// What could: *sums*. A fused multiply-add waits four cycles for the one before it in the same sum, and two start in a cycle, so eight sums must be
// under way. A row's 64 examples are four vectors of AVX-512: two rows go together. *Loads*: every multiply-add reads a vector of x, which
// must come from the first cache, so 96 columns (24 KB of x at 64 examples) serve a tile of rows before the next 96; where the batch is
// larger, they are copied together first. *The weights* then come in pieces of 192 bytes with a whole row in between, which the
// processor's own prefetching does not see through: those of the rows ahead are asked for by hand. The ladder, measured: core/README.md.
//
// The sum of an output goes over its kept entries in their order, whatever the tiles, rows at once and threads; a single example's has its lanes.
#include <algorithm>
#include <type_traits>

#include "core/cpu/kernels.h"
#include "core/cpu/lanes.h"
#include "core/cpu/panels.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {
namespace {

constexpr std::int64_t rows_per_tile = 128, block_columns = 96, rows_ahead = 8;

template <class T>
struct Product {
  Sparse24View s;
  const T *values, *x, *bias;  // bias may be null
  T* y;
  std::int64_t n, bytes;  // of the batch; of a row's positions
};

// Rows r to r + R - 1, columns c to stop - 1 of W, V vectors of the batch; x: those columns' rows, side by side. The first block of columns starts from
// the bias, others go on from y.
template <class T, int V, int R>
void rows_times(const Product<T>& p, const T* x, Panel at, std::int64_t r, std::int64_t c, std::int64_t stop) {
  constexpr int w = Simd<T>::width, n = V * w;
  const std::int64_t last = at.last - at.first, row_values = p.s.columns / 2;
  const T* values = p.values + r * row_values + c / 2;
  const std::uint8_t* positions = p.s.positions + r * p.bytes + c / 8;
  T* y = p.y + r * p.n + at.first;

  const std::int64_t ahead = std::min(rows_ahead, p.s.rows - R - r);
  for (int i = 0; i < R && ahead > 0; ++i) {
    const T* from = values + (ahead + i) * row_values;
    for (std::int64_t b = 0; b < (stop - c) / 2; b += 64 / static_cast<int>(sizeof(T))) __builtin_prefetch(from + b);
    __builtin_prefetch(positions + (ahead + i) * p.bytes);
  }

  Vec<T> sum[R][V];
  for (int i = 0; i < R; ++i) {
    const T start = p.bias ? p.bias[r + i] : T(0);
    for (int v = 0; v < V; ++v) sum[i][v] = c > 0 ? load<T>(y + i * p.n + (v < V - 1 ? v * w : last)) : Vec<T>{} + start;
  }
  auto entry = [&](Vec<T>(&sums)[V], T value, const T* row) __attribute__((always_inline)) {
    for (int v = 0; v < V; ++v) sums[v] += value * load<T>(row + v * w);
  };
  const std::int64_t groups = (stop - c) / 4;
  for (std::int64_t g = 0; g + 2 <= groups; g += 2, x += 8 * n)  // a byte of positions at a time
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) {
      const unsigned b = positions[i * p.bytes + g / 2];
      const T* v = values + i * row_values + 2 * g;
      entry(sum[i], v[0], x + (b & 3) * n);
      entry(sum[i], v[1], x + (b >> 2 & 3) * n);
      entry(sum[i], v[2], x + (4 + (b >> 4 & 3)) * n);
      entry(sum[i], v[3], x + (4 + (b >> 6)) * n);
    }
  if (groups % 2 == 1)  // the last four columns of an odd number of groups
    for (int i = 0; i < R; ++i) {
      const unsigned b = positions[i * p.bytes + groups / 2];
      const T* v = values + i * row_values + 2 * (groups - 1);
      entry(sum[i], v[0], x + (b & 3) * n);
      entry(sum[i], v[1], x + (b >> 2 & 3) * n);
    }
  for (int i = 0; i < R; ++i)
    for (int v = 0; v < V; ++v) store<T>(y + i * p.n + (v < V - 1 ? v * w : last), sum[i][v]);
}

template <class T, int V>
void tile_times(const Product<T>& p, Panel at, std::int64_t begin, std::int64_t end) {
  constexpr int w = Simd<T>::width, together = V >= 5 ? 1 : V >= 3 ? 2 : 4;  // eight sums or more
  alignas(64) T copy[block_columns * V * w];
  for (std::int64_t c = 0; c < p.s.columns; c += block_columns) {
    const std::int64_t stop = std::min(p.s.columns, c + block_columns);
    const T* x = rows_together<T, V>(p.x, p.n, at, c, stop, copy);
    std::int64_t r = begin;
    for (; r + together <= end; r += together) rows_times<T, V, together>(p, x, at, r, c, stop);
    for (; r < end; ++r) rows_times<T, V, 1>(p, x, at, r, c, stop);
  }
}

// One example: a vector of values at a time, and for each of them its entry of the two vectors of x that they come from.
template <class T>
std::int64_t row_times_one([[maybe_unused]] const T* values, [[maybe_unused]] const std::uint8_t* positions, [[maybe_unused]] const T* x,
                           [[maybe_unused]] std::int64_t groups, [[maybe_unused]] T& total) {
  constexpr int w = Simd<T>::width;
  std::int64_t g = 0;
#if !defined(__clang__)  // (whose shuffle wants its indices as literals)
  if constexpr (w >= 8) {
    typedef std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> Lane;
    typedef Lane Lanes __attribute__((vector_size(vector_bytes)));
    typedef T Plain __attribute__((vector_size(vector_bytes)));
    Lanes shift{}, first{};
    for (int i = 0; i < w; ++i) shift[i] = 2 * i, first[i] = 4 * (i / 2);
    Vec<T> sum[2] = {};
    for (; g + w / 2 <= groups; g += w / 2) {
      std::conditional_t<w == 16, std::uint32_t, std::uint16_t> bits;
      __builtin_memcpy(&bits, positions + g / 2, sizeof bits);
      const Lanes at = (((Lanes{} + Lane(bits)) >> shift) & 3) + first;
      sum[g / (w / 2) % 2] += load<T>(values + 2 * g) * Vec<T>(__builtin_shuffle(Plain(load<T>(x + 4 * g)), Plain(load<T>(x + 4 * g + w)), at));
    }
    sum[0] += sum[1];
    total += sums_of<T, 1>(sum)[0];
  }
#endif
  return g;
}

// A batch of less than a vector, example by example.
template <class T>
void row_times_narrow(const Product<T>& p, std::int64_t r) {
  const std::uint8_t* positions = p.s.positions + r * p.bytes;
  const T* values = p.values + r * (p.s.columns / 2);
  const std::int64_t groups = p.s.columns / 4;
  for (std::int64_t j = 0; j < p.n; ++j) {
    T total = p.bias ? p.bias[r] : T(0);
    for (std::int64_t g = p.n == 1 ? row_times_one(values, positions, p.x, groups, total) : 0; g < groups; ++g) {
      const unsigned b = positions[g / 2] >> (4 * (g % 2));
      total += values[2 * g] * p.x[(4 * g + (b & 3)) * p.n + j];
      total += values[2 * g + 1] * p.x[(4 * g + (b >> 2 & 3)) * p.n + j];
    }
    p.y[r * p.n + j] = total;
  }
}

}  // namespace

void matmul_24(Sparse24View s, View values, View x, View bias, View y) {
  on_real(values.dtype, [&]<class T>() {
    const Product<T> p{s, values.as<T>(), x.as<T>(), bias.data ? bias.as<T>() : nullptr, y.as<T>(), y.shape[1], (s.columns + 7) / 8};
    parallel_for((s.rows + rows_per_tile - 1) / rows_per_tile, [&](std::int64_t t) {
      const std::int64_t begin = t * rows_per_tile, end = std::min(s.rows, begin + rows_per_tile);
      if (p.n < Simd<T>::width)
        for (std::int64_t r = begin; r < end; ++r) row_times_narrow<T>(p, r);
      else
        each_panel(p.n, Simd<T>::width, [&](Panel at, bool) { with_vectors(at.vectors, [&]<int V>() { tile_times<T, V>(p, at, begin, end); }); });
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
