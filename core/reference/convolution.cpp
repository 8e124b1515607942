// Convolution and pooling, as their formulas say. Sums are kept in double precision.
#include <algorithm>

#include "core/reference/pictures.h"

namespace bonsai::reference {
namespace {

// Calls f(place in x, in w, in y) for every product of a convolution: x (n, c, h, w), w (o, c / groups, kh, kw), y (n, o, p, q).
template <class F>
void for_each_product(const Window& v, const Shape& x, const Shape& w, const Shape& y, F f) {
  const std::int64_t inputs = w[1], outputs = w[0] / v.groups;  // of a group
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t o = 0; o < y[1]; ++o)
      for (std::int64_t p = 0; p < y[2]; ++p)
        for (std::int64_t q = 0; q < y[3]; ++q)
          for (std::int64_t c = 0; c < inputs; ++c)
            for (std::int64_t i = 0; i < w[2]; ++i)
              for (std::int64_t j = 0; j < w[3]; ++j) {
                const std::int64_t row = p * v.stride - v.padding + i * v.dilation, column = q * v.stride - v.padding + j * v.dilation;
                if (row < 0 || row >= x[2] || column < 0 || column >= x[3]) continue;
                f(((n * x[1] + o / outputs * inputs + c) * x[2] + row) * x[3] + column, ((o * inputs + c) * w[2] + i) * w[3] + j,
                  ((n * y[1] + o) * y[2] + p) * y[3] + q);
              }
}

// out = Σ of the products, each added where `place` says.
template <class T, class F>
void sum_of_products(View out, F products) {
  Scratch<double> total(std::max<std::int64_t>(1, out.shape.numel()));
  std::fill_n(total.data(), out.shape.numel(), 0.0);
  products([&](std::int64_t place, T a, T b) { total[place] += static_cast<double>(a) * b; });
  for (std::int64_t i = 0; i < out.shape.numel(); ++i) out.as<T>()[i] = static_cast<T>(total[i]);
}

void conv2d(Window v, View x, View w, View bias, View y) {
  dispatch_floating("conv2d", x.dtype, [&]<class T>() {
    Scratch<double> total(std::max<std::int64_t>(1, y.shape.numel()));
    const std::int64_t plane = y.shape[2] * y.shape[3];
    for (std::int64_t k = 0; k < y.shape.numel(); ++k) total[k] = bias.data ? static_cast<double>(bias.as<T>()[k / plane % y.shape[1]]) : 0;
    for_each_product(v, x.shape, w.shape, y.shape,
                     [&](std::int64_t i, std::int64_t j, std::int64_t k) { total[k] += static_cast<double>(x.as<T>()[i]) * w.as<T>()[j]; });
    for (std::int64_t k = 0; k < y.shape.numel(); ++k) y.as<T>()[k] = static_cast<T>(total[k]);
  });
}

void conv2d_input_gradient(Window v, View dy, View w, View dx) {
  dispatch_floating("conv2d_input_gradient", dy.dtype, [&]<class T>() {
    sum_of_products<T>(dx, [&](auto add) {
      for_each_product(v, dx.shape, w.shape, dy.shape, [&](std::int64_t i, std::int64_t j, std::int64_t k) { add(i, w.as<T>()[j], dy.as<T>()[k]); });
    });
  });
}

void conv2d_weight_gradient(Window v, View x, View dy, View dw) {
  dispatch_floating("conv2d_weight_gradient", x.dtype, [&]<class T>() {
    sum_of_products<T>(dw, [&](auto add) {
      for_each_product(v, x.shape, dw.shape, dy.shape, [&](std::int64_t i, std::int64_t j, std::int64_t k) { add(j, x.as<T>()[i], dy.as<T>()[k]); });
    });
  });
}

// Sparse: as if the weight were dense, with zeros where the pattern has no entry. f(place in w, number of the value) for each kept entry.
template <class F>
void for_each_kept(SparseView s, F f) {  // by rows
  for (std::int64_t r = 0; r < s.rows; ++r)
    for (std::int64_t k = s.begin[r]; k < s.begin[r + 1]; ++k) f(r * s.columns + s.index[k], s.value(k));
}

void sparse_conv2d(SparseView s, Window v, Shape w, View values, View x, View bias, View y) {
  dispatch_floating("sparse_conv2d", x.dtype, [&]<class T>() {
    Scratch<T> dense(w.numel());
    std::fill_n(dense.data(), w.numel(), T(0));
    for_each_kept(s, [&](std::int64_t place, std::int64_t k) { dense[place] = values.as<T>()[k]; });
    conv2d(v, x, {dense.data(), x.dtype, w, contiguous_strides(w)}, bias, y);
  });
}

void sparse_conv2d_input_gradient(SparseView by_column, Window v, Shape w, View values, View dy, View dx) {
  dispatch_floating("sparse_conv2d_input_gradient", dy.dtype, [&]<class T>() {
    Scratch<T> dense(w.numel());
    std::fill_n(dense.data(), w.numel(), T(0));
    const std::int64_t columns = by_column.rows;
    for_each_kept(by_column, [&](std::int64_t place, std::int64_t k) {  // (of the transpose)
      dense[place % by_column.columns * columns + place / by_column.columns] = values.as<T>()[k];
    });
    conv2d_input_gradient(v, dy, {dense.data(), dy.dtype, w, contiguous_strides(w)}, dx);
  });
}

void sparse_conv2d_weight_gradient(SparseView s, Window v, Shape w, View x, View dy, View values) {
  dispatch_floating("sparse_conv2d_weight_gradient", x.dtype, [&]<class T>() {
    Scratch<T> dense(w.numel());
    conv2d_weight_gradient(v, x, dy, {dense.data(), x.dtype, w, contiguous_strides(w)});
    for_each_kept(s, [&](std::int64_t place, std::int64_t k) { values.as<T>()[k] = dense[place]; });
  });
}

// Calls f(place in x, place in y, tap) for every pixel of every window that lies inside x.
template <class F>
void for_each_pixel(const Pool& v, const Shape& x, const Shape& y, F f) {
  for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane)
    for (std::int64_t p = 0; p < y[2]; ++p)
      for (std::int64_t q = 0; q < y[3]; ++q)
        for (std::int64_t tap = 0; tap < v.size * v.size; ++tap) {
          const std::int64_t row = p * v.stride - v.padding + tap / v.size, column = q * v.stride - v.padding + tap % v.size;
          if (row < 0 || row >= x[2] || column < 0 || column >= x[3]) continue;
          f((plane * x[2] + row) * x[3] + column, (plane * y[2] + p) * y[3] + q, tap);
        }
}

void max_pool2d(Pool v, View x, View y, View taps) {
  dispatch_floating("max_pool2d", x.dtype, [&]<class T>() {
    Scratch<bool> seen(std::max<std::int64_t>(1, y.shape.numel()));
    std::fill_n(seen.data(), y.shape.numel(), false);
    for_each_pixel(v, x.shape, y.shape, [&](std::int64_t i, std::int64_t k, std::int64_t tap) {
      const T value = x.as<T>()[i];
      T& best = y.as<T>()[k];
      if (seen[k] && !(value > best) && !(value != value && best == best)) return;  // NaN wins, the first one
      seen[k] = true;
      best = value;
      taps.as<std::uint8_t>()[k] = static_cast<std::uint8_t>(tap);
    });
  });
}

void pool_gather(Pool v, View x, View taps, View y) {
  dispatch_floating("pool_gather", x.dtype, [&]<class T>() {
    for_each_pixel(v, x.shape, y.shape, [&](std::int64_t i, std::int64_t k, std::int64_t tap) {
      if (taps.as<std::uint8_t>()[k] == tap) y.as<T>()[k] = x.as<T>()[i];
    });
  });
}

void pool_scatter(Pool v, View y, View taps, View x) {
  dispatch_floating("pool_scatter", y.dtype, [&]<class T>() {
    std::fill_n(x.as<T>(), x.shape.numel(), T(0));
    for_each_pixel(v, x.shape, y.shape, [&](std::int64_t i, std::int64_t k, std::int64_t tap) {
      if (taps.as<std::uint8_t>()[k] == tap) x.as<T>()[i] += y.as<T>()[k];
    });
  });
}

void average_pool2d(Pool v, View x, View y) {
  dispatch_floating("average_pool2d", x.dtype, [&]<class T>() {
    sum_of_products<T>(y, [&](auto add) {
      for_each_pixel(v, x.shape, y.shape, [&](std::int64_t i, std::int64_t k, std::int64_t) { add(k, x.as<T>()[i], T(1)); });
    });
    for (std::int64_t k = 0; k < y.shape.numel(); ++k) y.as<T>()[k] /= static_cast<T>(v.size * v.size);
  });
}

void average_pool2d_transposed(Pool v, View y, View x) {
  dispatch_floating("average_pool2d_transposed", y.dtype, [&]<class T>() {
    sum_of_products<T>(x, [&](auto add) {
      for_each_pixel(v, x.shape, y.shape, [&](std::int64_t i, std::int64_t k, std::int64_t) { add(i, y.as<T>()[k], T(1)); });
    });
    for (std::int64_t i = 0; i < x.shape.numel(); ++i) x.as<T>()[i] /= static_cast<T>(v.size * v.size);
  });
}

}  // namespace

void add_picture_kernels(Backend& b) {
  b.conv2d.run = conv2d;
  b.conv2d_input_gradient.run = conv2d_input_gradient;
  b.conv2d_weight_gradient.run = conv2d_weight_gradient;
  b.sparse_conv2d.run = sparse_conv2d;
  b.sparse_conv2d_input_gradient.run = sparse_conv2d_input_gradient;
  b.sparse_conv2d_weight_gradient.run = sparse_conv2d_weight_gradient;
  b.max_pool2d.run = max_pool2d;
  b.pool_gather.run = pool_gather;
  b.pool_scatter.run = pool_scatter;
  b.average_pool2d.run = average_pool2d;
  b.average_pool2d_transposed.run = average_pool2d_transposed;
}

}  // namespace bonsai::reference
