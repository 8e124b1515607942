// Pooling, plane by plane. The papers' 2x2 windows that do not overlap are taken a vector of windows at a time: which pixel is the largest
// is as good as random, and a branch on it would be guessed wrong every other time. What a vector leaves of a row goes to vectors half as
// wide, so that the short rows of deep layers are vectors, too.
#include <algorithm>
#include <type_traits>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"
#include "core/cpu/simd.h"

namespace bonsai::BONSAI_ISA {
namespace {

// f(plane) for every channel of every picture; `work` numbers each.
template <class F>
void each_plane(const Shape& x, std::int64_t work, F f) {
  const std::int64_t planes = x[0] * x[1], group = std::max<std::int64_t>(1, tile_elements / std::max<std::int64_t>(1, work));
  parallel_for((planes + group - 1) / group, [&](std::int64_t tile) {
    for (std::int64_t plane = tile * group; plane < std::min(planes, (tile + 1) * group); ++plane) f(plane);
  });
}

bool in_pairs(const Pool& p) { return p.size == 2 && p.stride == 2 && p.padding == 0; }

// Is v to replace the largest so far? NaN does, the first one.
template <class T>
bool beats(T v, T best) { return bool(v > best) | (bool(v != v) & bool(best == best)); }

// Vectors of `Bytes` and of as many whole numbers and bytes. Of two neighbouring vectors: the lanes with even and with odd numbers; of one: each
// lane twice, the first or the second half of the lanes.
template <class T, int Bytes>
struct Lanes {
  static constexpr int width = Bytes / sizeof(T);
  typedef std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> Whole;
  typedef T Vector __attribute__((vector_size(Bytes)));
  typedef T Loose __attribute__((vector_size(Bytes), may_alias, aligned(sizeof(T))));
  typedef Whole Wholes __attribute__((vector_size(Bytes)));
  typedef std::uint8_t Taps __attribute__((vector_size(width), may_alias, aligned(1)));

  [[gnu::always_inline]] static Vector load(const T* from) { return *reinterpret_cast<const Loose*>(from); }
  [[gnu::always_inline]] static void store(T* to, Vector v) { *reinterpret_cast<Loose*>(to) = v; }
  template <class V>
  [[gnu::always_inline]] static V every_other(V a, V b, int first) {
    V out{};
#if defined(__clang__)
    for (int i = 0; i < width; ++i) out[i] = 2 * i + first < width ? a[2 * i + first] : b[2 * i + first - width];
#else
    Wholes from{};
    for (int i = 0; i < width; ++i) from[i] = 2 * i + first;
    out = __builtin_shuffle(a, b, from);
#endif
    return out;
  }
  template <class V>
  [[gnu::always_inline]] static V twice(V v, int half) {
    V out{};
#if defined(__clang__)
    for (int i = 0; i < width; ++i) out[i] = v[(i + half * width) / 2];
#else
    Wholes from{};
    for (int i = 0; i < width; ++i) from[i] = (i + half * width) / 2;
    out = __builtin_shuffle(v, from);
#endif
    return out;
  }
};

template <class T>
void max_of_pair(const T* a, const T* b, T* y, std::uint8_t* tap) {
  const T pixels[4] = {a[0], a[1], b[0], b[1]};
  int best = 0;
  for (int k = 1; k < 4; ++k) best = beats(pixels[k], pixels[best]) ? k : best;
  *y = pixels[best];
  *tap = static_cast<std::uint8_t>(best);
}
// y[q] and taps[q] for the windows of rows a and b.
template <class T, int Bytes = vector_bytes>
[[gnu::always_inline]] inline void max_of_pairs(const T* a, const T* b, std::int64_t n, T* y, std::uint8_t* taps) {
  using L = Lanes<T, Bytes>;
  std::int64_t q = 0;
  for (; q + L::width <= n; q += L::width) {
    const typename L::Vector a0 = L::load(a + 2 * q), a1 = L::load(a + 2 * q + L::width), b0 = L::load(b + 2 * q), b1 = L::load(b + 2 * q + L::width);
    typename L::Vector best = L::every_other(a0, a1, 0);
    typename L::Wholes tap{};
    auto against = [&](typename L::Vector v, typename L::Whole k) {
      const typename L::Wholes wins = ~(v <= best) & (best == best);  // larger, or the first NaN
      best = wins ? v : best;
      tap = wins ? typename L::Wholes{} + k : tap;
    };
    against(L::every_other(a0, a1, 1), 1);
    against(L::every_other(b0, b1, 0), 2);
    against(L::every_other(b0, b1, 1), 3);
    L::store(y + q, best);
    *reinterpret_cast<typename L::Taps*>(taps + q) = __builtin_convertvector(tap, typename L::Taps);
  }
  if constexpr (Bytes > 16) return max_of_pairs<T, Bytes / 2>(a + 2 * q, b + 2 * q, n - q, y + q, taps + q);
  for (; q < n; ++q) max_of_pair(a + 2 * q, b + 2 * q, y + q, taps + q);
}

// Rows a and b of x: y[q] at the tap of window q, 0 at the other three pixels.
template <class T, int Bytes = vector_bytes>
[[gnu::always_inline]] inline void scatter_pairs(const T* y, const std::uint8_t* taps, std::int64_t n, T* a, T* b) {
  using L = Lanes<T, Bytes>;
  std::int64_t q = 0;
  typename L::Wholes column{};
  for (int i = 0; i < L::width; ++i) column[i] = i % 2;
  for (; q + L::width <= n; q += L::width) {
    const typename L::Vector v = L::load(y + q);
    const typename L::Wholes tap = __builtin_convertvector(*reinterpret_cast<const typename L::Taps*>(taps + q), typename L::Wholes);
    for (int half = 0; half < 2; ++half) {
      const typename L::Vector pair = L::twice(v, half);
      const typename L::Wholes pixel = L::twice(tap, half);
      L::store(a + 2 * q + half * L::width, pixel == column ? pair : typename L::Vector{});
      L::store(b + 2 * q + half * L::width, pixel == column + 2 ? pair : typename L::Vector{});
    }
  }
  if constexpr (Bytes > 16) return scatter_pairs<T, Bytes / 2>(y + q, taps + q, n - q, a + 2 * q, b + 2 * q);
  for (; q < n; ++q)
    for (int j = 0; j < 2; ++j) {
      a[2 * q + j] = taps[q] == j ? y[q] : T(0);
      b[2 * q + j] = taps[q] == 2 + j ? y[q] : T(0);
    }
}

// f(place in x's plane, tap) for the pixels inside x of the window at (p, q).
template <class F>
[[gnu::always_inline]] inline void each_pixel(const Pool& v, std::int64_t height, std::int64_t width, std::int64_t p, std::int64_t q, F f) {
  const std::int64_t top = p * v.stride - v.padding, left = q * v.stride - v.padding;
  const std::int64_t i0 = top < 0 ? -top : 0, i1 = top + v.size > height ? height - top : v.size;
  const std::int64_t j0 = left < 0 ? -left : 0, j1 = left + v.size > width ? width - left : v.size;
  for (std::int64_t i = i0; i < i1; ++i)
    for (std::int64_t j = j0; j < j1; ++j) f((top + i) * width + left + j, i * v.size + j);
}
// The pixel that a tap names.
std::int64_t pixel(const Pool& v, std::int64_t width, std::int64_t p, std::int64_t q, std::int64_t tap) {
  return (p * v.stride - v.padding + tap / v.size) * width + q * v.stride - v.padding + tap % v.size;
}

}  // namespace

void max_pool2d(Pool v, View x, View y, View taps) {
  on_real(x.dtype, [&]<class T>() {
    const std::int64_t height = x.shape[2], width = x.shape[3], rows = y.shape[2], columns = y.shape[3];
    each_plane(x.shape, height * width, [&](std::int64_t plane) {
      const T* from = x.as<const T>() + plane * height * width;
      T* to = y.as<T>() + plane * rows * columns;
      std::uint8_t* tap_to = taps.as<std::uint8_t>() + plane * rows * columns;
      for (std::int64_t p = 0; p < rows; ++p, to += columns, tap_to += columns) {
        if (in_pairs(v)) {
          max_of_pairs(from + 2 * p * width, from + (2 * p + 1) * width, columns, to, tap_to);
          continue;
        }
        for (std::int64_t q = 0; q < columns; ++q) {
          T best = T(0);
          std::int64_t best_tap = -1;
          each_pixel(v, height, width, p, q, [&](std::int64_t place, std::int64_t tap) {
            const T here = from[place];
            const bool wins = (best_tap < 0) | beats(here, best);
            best = wins ? here : best;
            best_tap = wins ? tap : best_tap;
          });
          to[q] = best;
          tap_to[q] = static_cast<std::uint8_t>(best_tap);
        }
      }
    });
  });
}

void pool_gather(Pool v, View x, View taps, View y) {
  on_real(x.dtype, [&]<class T>() {
    const std::int64_t height = x.shape[2], width = x.shape[3], rows = y.shape[2], columns = y.shape[3];
    each_plane(x.shape, height * width, [&](std::int64_t plane) {
      for (std::int64_t p = 0; p < rows; ++p)
        for (std::int64_t q = 0; q < columns; ++q) {
          const std::int64_t k = (plane * rows + p) * columns + q;
          y.as<T>()[k] = x.as<const T>()[plane * height * width + pixel(v, width, p, q, taps.as<std::uint8_t>()[k])];
        }
    });
  });
}

void pool_scatter(Pool v, View y, View taps, View x) {
  on_real(y.dtype, [&]<class T>() {
    const std::int64_t height = x.shape[2], width = x.shape[3], rows = y.shape[2], columns = y.shape[3];
    each_plane(x.shape, height * width, [&](std::int64_t plane) {
      T* to = x.as<T>() + plane * height * width;
      const T* from = y.as<const T>() + plane * rows * columns;
      const std::uint8_t* tap = taps.as<std::uint8_t>() + plane * rows * columns;
      if (in_pairs(v) && 2 * rows == height && 2 * columns == width) {
        for (std::int64_t p = 0; p < rows; ++p)
          scatter_pairs(from + p * columns, tap + p * columns, columns, to + 2 * p * width, to + (2 * p + 1) * width);
        return;
      }
      for (std::int64_t i = 0; i < height * width; ++i) to[i] = T(0);
      for (std::int64_t p = 0; p < rows; ++p)
        for (std::int64_t q = 0; q < columns; ++q) to[pixel(v, width, p, q, tap[p * columns + q])] += from[p * columns + q];
    });
  });
}

void average_pool2d(Pool v, View x, View y) {
  on_real(x.dtype, [&]<class T>() {
    const std::int64_t height = x.shape[2], width = x.shape[3], rows = y.shape[2], columns = y.shape[3];
    const T share = T(1) / static_cast<T>(v.size * v.size);
    each_plane(x.shape, height * width, [&](std::int64_t plane) {
      const T* from = x.as<const T>() + plane * height * width;
      T* to = y.as<T>() + plane * rows * columns;
      for (std::int64_t p = 0; p < rows; ++p)
        for (std::int64_t q = 0; q < columns; ++q) {
          T sum = T(0);
          each_pixel(v, height, width, p, q, [&](std::int64_t place, std::int64_t) { sum += from[place]; });
          *to++ = sum * share;
        }
    });
  });
}

void average_pool2d_transposed(Pool v, View y, View x) {
  on_real(y.dtype, [&]<class T>() {
    const std::int64_t height = x.shape[2], width = x.shape[3], rows = y.shape[2], columns = y.shape[3];
    const T share = T(1) / static_cast<T>(v.size * v.size);
    each_plane(x.shape, height * width, [&](std::int64_t plane) {
      T* to = x.as<T>() + plane * height * width;
      const T* from = y.as<const T>() + plane * rows * columns;
      for (std::int64_t i = 0; i < height * width; ++i) to[i] = T(0);
      for (std::int64_t p = 0; p < rows; ++p)
        for (std::int64_t q = 0; q < columns; ++q, ++from)
          each_pixel(v, height, width, p, q, [&](std::int64_t place, std::int64_t) { to[place] += *from * share; });
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
