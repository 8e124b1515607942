// Pooling, plane by plane. The papers' 2x2 windows that do not overlap have loops of their own, which become vectors.
#include <algorithm>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"

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

template <class T>
void max_of_pairs(const T* __restrict a, const T* __restrict b, std::int64_t n, T* __restrict y, std::uint8_t* __restrict taps) {
  for (std::int64_t q = 0; q < n; ++q) {
    T best = a[2 * q];
    std::int32_t tap = 0;
    const T second = a[2 * q + 1], third = b[2 * q], fourth = b[2 * q + 1];
    tap = beats(second, best) ? 1 : tap;
    best = beats(second, best) ? second : best;
    tap = beats(third, best) ? 2 : tap;
    best = beats(third, best) ? third : best;
    tap = beats(fourth, best) ? 3 : tap;
    best = beats(fourth, best) ? fourth : best;
    y[q] = best;
    taps[q] = static_cast<std::uint8_t>(tap);
  }
}

template <class T>
void scatter_pairs(const T* __restrict y, const std::uint8_t* __restrict taps, std::int64_t n, T* __restrict a, T* __restrict b) {
  for (std::int64_t q = 0; q < n; ++q) {
    a[2 * q] = taps[q] == 0 ? y[q] : T(0);
    a[2 * q + 1] = taps[q] == 1 ? y[q] : T(0);
  }
  for (std::int64_t q = 0; q < n; ++q) {
    b[2 * q] = taps[q] == 2 ? y[q] : T(0);
    b[2 * q + 1] = taps[q] == 3 ? y[q] : T(0);
  }
}

// f(place in x's plane, tap) for the pixels inside x of the window at (p, q).
template <class F>
void each_pixel(const Pool& v, std::int64_t height, std::int64_t width, std::int64_t p, std::int64_t q, F f) {
  for (std::int64_t i = 0; i < v.size; ++i)
    for (std::int64_t j = 0; j < v.size; ++j) {
      const std::int64_t row = p * v.stride - v.padding + i, column = q * v.stride - v.padding + j;
      if (row >= 0 && row < height && column >= 0 && column < width) f(row * width + column, i * v.size + j);
    }
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
          bool any = false;
          each_pixel(v, height, width, p, q, [&](std::int64_t place, std::int64_t tap) {
            if (any && !beats(from[place], to[q])) return;
            any = true;
            to[q] = from[place];
            tap_to[q] = static_cast<std::uint8_t>(tap);
          });
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
