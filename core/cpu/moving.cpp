// Kernels that move numbers rather than compute: filling, copying between layouts and types, indexing, random numbers. They are
// bound by memory, so one build for all instruction sets is enough.
#include "core/cpu/moving.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "core/cpu/loops.h"
#include "core/random.h"

namespace bonsai::baseline {

void fill(View out, double value) {
  dispatch(out.dtype, [&]<class T>() {
    const Loops<1> loops(out.shape, {&out.strides});
    const std::int64_t step = loops.stride[0][loops.rank - 1];
    loops.for_each_run([&](const std::int64_t (&at)[1], std::int64_t n) {
      T* y = out.as<T>() + at[0];
      if (step == 1) std::fill_n(y, n, static_cast<T>(value));
      else
        for (std::int64_t i = 0; i < n; ++i) y[i * step] = static_cast<T>(value);
    });
  });
}

namespace {

// y[i * dy + j] = x[j * dx + i] for i < 16, j < 4.
template <class T>
void transpose_tile(const T* x, std::int64_t dx, T* y, std::int64_t dy) {
#ifdef __SSE2__
  if constexpr (std::is_same_v<T, float>) {
    for (int i = 0; i < 16; i += 4) {
      __m128 a = _mm_loadu_ps(x + i), b = _mm_loadu_ps(x + dx + i), c = _mm_loadu_ps(x + 2 * dx + i), d = _mm_loadu_ps(x + 3 * dx + i);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_storeu_ps(y + i * dy, a);
      _mm_storeu_ps(y + (i + 1) * dy, b);
      _mm_storeu_ps(y + (i + 2) * dy, c);
      _mm_storeu_ps(y + (i + 3) * dy, d);
    }
    return;
  }
#endif
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 4; ++j) y[i * dy + j] = x[j * dx + i];
}

// The transpose of (columns, rows) x: tiles of a cache line of x by four of its rows, so that both sides are met a line at a time.
template <class T>
void transpose(const T* x, std::int64_t dx, T* y, std::int64_t dy, std::int64_t rows, std::int64_t columns) {
  parallel_for((rows + 63) / 64, [&](std::int64_t tile) {
    for (std::int64_t i = 64 * tile, end = std::min(rows, i + 64); i < end; i += 16)
      for (std::int64_t j = 0; j < columns; j += 4) {
        if (i + 16 <= end && j + 4 <= columns) transpose_tile(x + j * dx + i, dx, y + i * dy + j, dy);
        else
          for (std::int64_t p = i; p < std::min(end, i + 16); ++p)
            for (std::int64_t q = j; q < std::min(columns, j + 4); ++q) y[p * dy + q] = x[q * dx + p];
      }
  });
}

}  // namespace

void copy(View in, View out) {
  dispatch(in.dtype, [&]<class From>() {
    dispatch(out.dtype, [&]<class To>() {
      const Loops<2> loops(out.shape, {&in.strides, &out.strides});
      if constexpr (std::is_same_v<From, To>)
        if (loops.rank == 2 && loops.stride[0][0] == 1 && loops.stride[1][1] == 1)
          return transpose(in.as<From>(), loops.stride[0][1], out.as<To>(), loops.stride[1][0], loops.size[0], loops.size[1]);
      const std::int64_t si = loops.stride[0][loops.rank - 1], so = loops.stride[1][loops.rank - 1];
      loops.for_each_run([&](const std::int64_t (&at)[2], std::int64_t n) {
        const From* x = in.as<From>() + at[0];
        To* y = out.as<To>() + at[1];
        if (std::is_same_v<From, To> && si == 1 && so == 1) std::memmove(y, x, n * sizeof(To));
        else if (si == 1 && so == 1)
          for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<To>(x[i]);
        else
          for (std::int64_t i = 0; i < n; ++i) y[i * so] = static_cast<To>(x[i * si]);
      });
    });
  });
}

void argmax(View in, View out) {
  dispatch(in.dtype, [&]<class T>() {
    const std::int64_t n = in.shape[in.shape.rank() - 1], rows = out.shape.numel();
    const std::int64_t group = std::max<std::int64_t>(1, tile_elements / n);
    parallel_for((rows + group - 1) / group, [&](std::int64_t tile) {
      for (std::int64_t i = tile * group; i < std::min(rows, (tile + 1) * group); ++i) {
        const T* x = in.as<T>() + i * n;
        out.as<std::int64_t>()[i] = std::max_element(x, x + n) - x;
      }
    });
  });
}

namespace {
// A tensor as (outer, axis, inner).
struct Split {
  std::int64_t outer = 1, inner = 1;
  Split(const Shape& s, int axis) {
    for (int i = 0; i < s.rank(); ++i)
      if (i != axis) (i < axis ? outer : inner) *= s[i];
  }
};
}  // namespace

void index_select(View in, View indices, int axis, View out) {
  const Split s(in.shape, axis);
  const std::int64_t size = in.shape[axis], k = indices.shape[0], bytes = s.inner * static_cast<std::int64_t>(size_of(in.dtype));
  const std::int64_t* index = indices.as<std::int64_t>();
  const std::int64_t group = std::max<std::int64_t>(1, 4 * tile_elements / std::max<std::int64_t>(bytes, 1));
  parallel_for((s.outer * k + group - 1) / group, [&](std::int64_t tile) {
    for (std::int64_t r = tile * group; r < std::min(s.outer * k, (tile + 1) * group); ++r)
      std::memcpy(out.as<char>() + r * bytes, in.as<char>() + (r / k * size + index[r % k]) * bytes, bytes);
  });
}

void index_add(View in, View indices, int axis, View out) {
  dispatch(in.dtype, [&]<class T>() {
    const Split s(in.shape, axis);
    const std::int64_t size = out.shape[axis], k = indices.shape[0];
    const std::int64_t* index = indices.as<std::int64_t>();
    for (std::int64_t o = 0; o < s.outer; ++o)  // in order: equal indices add up the same way every time
      for (std::int64_t i = 0; i < k; ++i) {
        T* to = out.as<T>() + (o * size + index[i]) * s.inner;
        const T* from = in.as<T>() + (o * k + i) * s.inner;
        for (std::int64_t j = 0; j < s.inner; ++j) to[j] = static_cast<T>(to[j] + from[j]);
      }
  });
}

void gather(View in, View indices, View out) {
  dispatch(in.dtype, [&]<class T>() {
    const std::int64_t c = in.shape[1], k = indices.shape[1];
    for (std::int64_t i = 0; i < indices.shape[0]; ++i)
      for (std::int64_t j = 0; j < k; ++j) out.as<T>()[i * k + j] = in.as<T>()[i * c + indices.as<std::int64_t>()[i * k + j]];
  });
}

void scatter_add(View in, View indices, View out) {
  dispatch(in.dtype, [&]<class T>() {
    const std::int64_t c = out.shape[1], k = indices.shape[1];
    for (std::int64_t i = 0; i < indices.shape[0]; ++i)
      for (std::int64_t j = 0; j < k; ++j) {
        T& to = out.as<T>()[i * c + indices.as<std::int64_t>()[i * k + j]];
        to = static_cast<T>(to + in.as<T>()[i * k + j]);
      }
  });
}

void uniform(std::uint64_t key, std::uint64_t counter, View out) {
  dispatch_floating("uniform", out.dtype, [&]<class T>() {
    const std::int64_t n = out.shape.numel();
    parallel_for((n + tile_elements - 1) / tile_elements, [&](std::int64_t tile) {
      for (std::int64_t i = tile * tile_elements; i < std::min(n, (tile + 1) * tile_elements); i += 4) {
        const Philox4 w = philox(key, counter + i / 4);
        for (std::int64_t j = i; j < std::min(n, i + 4); ++j) out.as<T>()[j] = static_cast<T>(to_uniform(w[j - i]));
      }
    });
  });
}

void normal(std::uint64_t key, std::uint64_t counter, View out) {
  dispatch_floating("normal", out.dtype, [&]<class T>() {
    const std::int64_t n = out.shape.numel();
    parallel_for((n + tile_elements - 1) / tile_elements, [&](std::int64_t tile) {
      for (std::int64_t i = tile * tile_elements; i < std::min(n, (tile + 1) * tile_elements); ++i)
        out.as<T>()[i] = static_cast<T>(normal_at(key, counter, i));
    });
  });
}

}  // namespace bonsai::baseline
