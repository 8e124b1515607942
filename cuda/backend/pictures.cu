// Convolutions and pooling, an element of the result a thread. (Fast convolutions, as products on tensor cores, are to come.)
#include "cuda/backend/convolution.h"
#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

template <class T>
void convolved(ConvolutionSizes z, const T* x, const T* w, const T* bias, T* y, std::int64_t count) {
  each("conv2d", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t q = at % z.q, p = at / z.q % z.p, o = at / z.q / z.p % z.o, n = at / z.q / z.p / z.o;
    const T* picture = x + (n * z.c + o / (z.o / z.v.groups) * z.inputs) * z.h * z.w;
    const T* kernel = w + o * z.inputs * z.kh * z.kw;
    double total = bias ? static_cast<double>(bias[o]) : 0;
    for (std::int64_t c = 0; c < z.inputs; ++c)
      for (std::int64_t i = 0; i < z.kh; ++i)
        for (std::int64_t j = 0; j < z.kw; ++j) {
          const std::int64_t row = p * z.v.stride - z.v.padding + i * z.v.dilation, column = q * z.v.stride - z.v.padding + j * z.v.dilation;
          if (row >= 0 && row < z.h && column >= 0 && column < z.w)
            total += static_cast<double>(picture[(c * z.h + row) * z.w + column]) * static_cast<double>(kernel[(c * z.kh + i) * z.kw + j]);
        }
    y[at] = static_cast<T>(total);
  });
}
void conv2d(Window v, View x, View w, View bias, View y) {
  dispatch_floating("conv2d", x.dtype, [&]<class T>() { convolved(sizes(v, x.shape, w.shape, y.shape), x.as<T>(), w.as<T>(), bias.as<T>(), y.as<T>(), y.shape.numel()); });
}

template <class T>
void input_gradient(ConvolutionSizes z, const T* dy, const T* w, T* dx, std::int64_t count) {
  each("conv2d_input_gradient", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t column = at % z.w, row = at / z.w % z.h, channel = at / z.w / z.h % z.c, n = at / z.w / z.h / z.c;
    const std::int64_t outputs = z.o / z.v.groups, first = channel / z.inputs * outputs, c = channel % z.inputs;
    double total = 0;
    for (std::int64_t i = 0; i < z.kh; ++i)
      for (std::int64_t j = 0; j < z.kw; ++j) {
        const std::int64_t y = row + z.v.padding - i * z.v.dilation, x = column + z.v.padding - j * z.v.dilation;
        if (y < 0 || x < 0 || y % z.v.stride != 0 || x % z.v.stride != 0 || y / z.v.stride >= z.p || x / z.v.stride >= z.q) continue;
        for (std::int64_t o = first; o < first + outputs; ++o)
          total += static_cast<double>(w[((o * z.inputs + c) * z.kh + i) * z.kw + j]) * static_cast<double>(dy[((n * z.o + o) * z.p + y / z.v.stride) * z.q + x / z.v.stride]);
      }
    dx[at] = static_cast<T>(total);
  });
}
void conv2d_input_gradient(Window v, View dy, View w, View dx) {
  dispatch_floating("conv2d_input_gradient", dy.dtype,
                    [&]<class T>() { input_gradient(sizes(v, dx.shape, w.shape, dy.shape), dy.as<T>(), w.as<T>(), dx.as<T>(), dx.shape.numel()); });
}

template <class T>
void weight_gradient(ConvolutionSizes z, const T* x, const T* dy, T* dw, std::int64_t batch, std::int64_t count) {
  each("conv2d_weight_gradient", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t j = at % z.kw, i = at / z.kw % z.kh, c = at / z.kw / z.kh % z.inputs, o = at / z.kw / z.kh / z.inputs;
    double total = 0;
    for (std::int64_t n = 0; n < batch; ++n) {
      const T* picture = x + (n * z.c + o / (z.o / z.v.groups) * z.inputs + c) * z.h * z.w;
      const T* gradient = dy + (n * z.o + o) * z.p * z.q;
      for (std::int64_t p = 0; p < z.p; ++p)
        for (std::int64_t q = 0; q < z.q; ++q) {
          const std::int64_t row = p * z.v.stride - z.v.padding + i * z.v.dilation, column = q * z.v.stride - z.v.padding + j * z.v.dilation;
          if (row >= 0 && row < z.h && column >= 0 && column < z.w) total += static_cast<double>(picture[row * z.w + column]) * static_cast<double>(gradient[p * z.q + q]);
        }
    }
    dw[at] = static_cast<T>(total);
  });
}
void conv2d_weight_gradient(Window v, View x, View dy, View dw) {
  dispatch_floating("conv2d_weight_gradient", x.dtype,
                    [&]<class T>() { weight_gradient(sizes(v, x.shape, dw.shape, dy.shape), x.as<T>(), dy.as<T>(), dw.as<T>(), x.shape[0], dw.shape.numel()); });
}

// ---- Pooling. Of a plane: x (h, w), y (p, q); f(place in x, tap) for each pixel of window (row, column) that lies inside.

struct Planes {
  std::int64_t h, w, p, q;
  Pool v;
  template <class F>
  BONSAI_HOST_DEVICE void pixels(std::int64_t at, F f) const {  // of element `at` of y
    const std::int64_t column = at % q, row = at / q % p, plane = at / q / p;
    for (std::int64_t tap = 0; tap < v.size * v.size; ++tap) {
      const std::int64_t y = row * v.stride - v.padding + tap / v.size, x = column * v.stride - v.padding + tap % v.size;
      if (y >= 0 && y < h && x >= 0 && x < w) f((plane * h + y) * w + x, tap);
    }
  }
  template <class F>
  BONSAI_HOST_DEVICE void windows(std::int64_t at, F f) const {  // f(place in y, tap) for each window that element `at` of x lies in
    const std::int64_t column = at % w, row = at / w % h, plane = at / w / h;
    for (std::int64_t tap = v.size * v.size - 1; tap >= 0; --tap) {  // so that windows come in their order
      const std::int64_t y = row + v.padding - tap / v.size, x = column + v.padding - tap % v.size;
      if (y < 0 || x < 0 || y % v.stride != 0 || x % v.stride != 0 || y / v.stride >= p || x / v.stride >= q) continue;
      f((plane * p + y / v.stride) * q + x / v.stride, tap);
    }
  }
};
Planes planes(const Pool& v, const Shape& x, const Shape& y) { return {x[2], x[3], y[2], y[3], v}; }

template <class T>
void largest(Planes z, const T* x, T* y, std::uint8_t* taps, std::int64_t count) {
  each("max_pool2d", count, [=] BONSAI_DEVICE(std::int64_t at) {
    bool seen = false;
    T best = 0;
    std::int64_t which = 0;
    z.pixels(at, [&](std::int64_t i, std::int64_t tap) {
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
    z.pixels(at, [&](std::int64_t i, std::int64_t tap) {
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
    z.windows(at, [&](std::int64_t k, std::int64_t tap) {
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
    z.pixels(at, [&](std::int64_t i, std::int64_t) { total += static_cast<double>(x[i]); });
    y[at] = static_cast<T>(total / static_cast<double>(z.v.size * z.v.size));
  });
}
void average_pool2d(Pool v, View x, View y) {
  dispatch_floating("average_pool2d", x.dtype, [&]<class T>() { averaged(planes(v, x.shape, y.shape), x.as<T>(), y.as<T>(), y.shape.numel()); });
}

template <class T>
void averaged_transposed(Planes z, const T* y, T* x, std::int64_t count) {
  each("average_pool2d_transposed", count, [=] BONSAI_DEVICE(std::int64_t at) {
    double total = 0;
    z.windows(at, [&](std::int64_t k, std::int64_t) { total += static_cast<double>(y[k]); });
    x[at] = static_cast<T>(total / static_cast<double>(z.v.size * z.v.size));
  });
}
void average_pool2d_transposed(Pool v, View y, View x) {
  dispatch_floating("average_pool2d_transposed", y.dtype, [&]<class T>() { averaged_transposed(planes(v, x.shape, y.shape), y.as<T>(), x.as<T>(), x.shape.numel()); });
}

}  // namespace

void add_pictures(Backend& b) {
  b.conv2d.run = conv2d;
  b.conv2d_input_gradient.run = conv2d_input_gradient;
  b.conv2d_weight_gradient.run = conv2d_weight_gradient;
  b.max_pool2d.run = max_pool2d;
  b.pool_gather.run = pool_gather;
  b.pool_scatter.run = pool_scatter;
  b.average_pool2d.run = average_pool2d;
  b.average_pool2d_transposed.run = average_pool2d_transposed;
}

}  // namespace bonsai::cuda
