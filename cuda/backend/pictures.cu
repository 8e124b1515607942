// Pooling, an element of the result a thread. Of a plane: x (h, w), y (p, q); f(place in x, tap) for each pixel of window (row, column) that lies inside.
#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

struct Planes {
  int h, w, p, q, size, stride, padding;
  template <class F>
  BONSAI_HOST_DEVICE void pixels(std::int64_t at, F f) const {  // of element `at` of y
    const int i = static_cast<int>(at), plane = i / q / p, y = i / q % p * stride - padding, x = i % q * stride - padding;
    for (int row = 0, tap = 0; row < size; ++row)
      for (int column = 0; column < size; ++column, ++tap)
        if (y + row >= 0 && y + row < h && x + column >= 0 && x + column < w) f((plane * h + y + row) * w + x + column, tap);
  }
  template <class F>
  BONSAI_HOST_DEVICE void windows(std::int64_t at, F f) const {  // f(place in y, tap) for each window that element `at` of x lies in
    const int i = static_cast<int>(at), plane = i / w / h;
    for (int row = size - 1, tap = size * size - 1; row >= 0; --row)  // backwards, so that windows come in their order
      for (int column = size - 1; column >= 0; --column, --tap) {
        const int y = i / w % h + padding - row, x = i % w + padding - column;
        if (y < 0 || x < 0 || y % stride != 0 || x % stride != 0 || y / stride >= p || x / stride >= q) continue;
        f((plane * p + y / stride) * q + x / stride, tap);
      }
  }
};
Planes planes(const Pool& v, const Shape& x, const Shape& y) {
  require(x.numel() < (std::int64_t{1} << 31) && y.numel() < (std::int64_t{1} << 31), "pooling: {} has more elements than the 2^31 that the kernel counts to; cut the batch", x);
  const auto i = [](std::int64_t n) { return static_cast<int>(n); };  // (32-bit divisions are several times as fast as 64-bit ones)
  return {i(x[2]), i(x[3]), i(y[2]), i(y[3]), i(v.size), i(v.stride), i(v.padding)};
}

template <class T>
void largest(Planes z, const T* x, T* y, std::uint8_t* taps, std::int64_t count) {
  each("max_pool2d", count, [=] BONSAI_DEVICE(std::int64_t at) {
    bool seen = false;
    T best = 0;
    int which = 0;
    z.pixels(at, [&](int i, int tap) {
      const T value = x[i];
      if (seen && !(value > best) && !(value != value && best == best)) return;  // NaN wins, the first one
      seen = true, best = value, which = tap;
    });
    if (seen) y[at] = best, taps[at] = static_cast<std::uint8_t>(which);
  });
}
void max_pool2d(Pool v, View x, View y, View taps) {
  dispatch_floating("max_pool2d", x.dtype, [&]<class T>() { largest(planes(v, x.shape, y.shape), x.as<T>(), y.as<T>(), taps.as<std::uint8_t>(), y.shape.numel()); });
}

template <class T>
void gathered(Planes z, const T* x, const std::uint8_t* taps, T* y, std::int64_t count) {
  each("pool_gather", count, [=] BONSAI_DEVICE(std::int64_t at) {
    z.pixels(at, [&](int i, int tap) {
      if (taps[at] == tap) y[at] = x[i];
    });
  });
}
void pool_gather(Pool v, View x, View taps, View y) {
  dispatch_floating("pool_gather", x.dtype, [&]<class T>() { gathered(planes(v, x.shape, y.shape), x.as<T>(), taps.as<std::uint8_t>(), y.as<T>(), y.shape.numel()); });
}

template <class T>
void scattered(Planes z, const T* y, const std::uint8_t* taps, T* x, std::int64_t count) {
  each("pool_scatter", count, [=] BONSAI_DEVICE(std::int64_t at) {
    T total = 0;
    z.windows(at, [&](int k, int tap) {
      if (taps[k] == tap) total += y[k];
    });
    x[at] = total;
  });
}
void pool_scatter(Pool v, View y, View taps, View x) {
  dispatch_floating("pool_scatter", y.dtype, [&]<class T>() { scattered(planes(v, x.shape, y.shape), y.as<T>(), taps.as<std::uint8_t>(), x.as<T>(), x.shape.numel()); });
}

template <class T>
void averaged(Planes z, const T* x, T* y, std::int64_t count) {
  each("average_pool2d", count, [=] BONSAI_DEVICE(std::int64_t at) {
    double total = 0;
    z.pixels(at, [&](int i, int) { total += static_cast<double>(x[i]); });
    y[at] = static_cast<T>(total / static_cast<double>(z.size * z.size));
  });
}
void average_pool2d(Pool v, View x, View y) {
  dispatch_floating("average_pool2d", x.dtype, [&]<class T>() { averaged(planes(v, x.shape, y.shape), x.as<T>(), y.as<T>(), y.shape.numel()); });
}

template <class T>
void averaged_transposed(Planes z, const T* y, T* x, std::int64_t count) {
  each("average_pool2d_transposed", count, [=] BONSAI_DEVICE(std::int64_t at) {
    double total = 0;
    z.windows(at, [&](int k, int) { total += static_cast<double>(y[k]); });
    x[at] = static_cast<T>(total / static_cast<double>(z.size * z.size));
  });
}
void average_pool2d_transposed(Pool v, View y, View x) {
  dispatch_floating("average_pool2d_transposed", y.dtype, [&]<class T>() { averaged_transposed(planes(v, x.shape, y.shape), y.as<T>(), x.as<T>(), x.shape.numel()); });
}

}  // namespace

void add_pictures(Backend& b) {
  b.max_pool2d.run = max_pool2d;
  b.pool_gather.run = pool_gather;
  b.pool_scatter.run = pool_scatter;
  b.average_pool2d.run = average_pool2d;
  b.average_pool2d_transposed.run = average_pool2d_transposed;
}

}  // namespace bonsai::cuda
