// Products with packed weights, one element of the result a thread: neighbouring threads take neighbouring examples, so that what they load of x lies side by side
// and the value and its column are the same for all of them. A pattern lies where its tensors do (core/device_vector.h).
#include "core/sparse24/positions.h"
#include "cuda/backend/convolution.h"
#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

template <class T>
void times(SparseView s, const T* values, const T* x, const T* bias, T* y, std::int64_t n) {
  each("sparse_matmul", s.rows * n, [=] BONSAI_DEVICE(std::int64_t i) {
    const std::int64_t r = i / n, j = i % n;
    double total = bias ? static_cast<double>(bias[r]) : 0;
    for (std::int64_t k = s.begin[r]; k < s.begin[r + 1]; ++k) total += static_cast<double>(values[s.from ? s.from[k] : k]) * static_cast<double>(x[s.index[k] * n + j]);
    y[i] = static_cast<T>(total);
  });
}
void sparse_matmul(SparseView s, View values, View x, View bias, View y) {
  dispatch_floating("sparse_matmul", values.dtype, [&]<class T>() { times(s, values.as<T>(), x.as<T>(), bias.as<T>(), y.as<T>(), y.shape[1]); });
}

// A row of the pattern a thread: its entries are few, and next to each other.
template <class T>
void sampled(SparseView s, const T* y, const T* x, T* values, std::int64_t n) {
  each("sampled_matmul", s.rows, [=] BONSAI_DEVICE(std::int64_t r) {
    for (std::int64_t k = s.begin[r]; k < s.begin[r + 1]; ++k) {
      double total = 0;
      for (std::int64_t j = 0; j < n; ++j) total += static_cast<double>(y[r * n + j]) * static_cast<double>(x[s.index[k] * n + j]);
      values[s.from ? s.from[k] : k] = static_cast<T>(total);
    }
  });
}
void sampled_matmul(SparseView s, View y, View x, View values) {
  dispatch_floating("sampled_matmul", values.dtype, [&]<class T>() { sampled(s, y.as<T>(), x.as<T>(), values.as<T>(), y.shape[1]); });
}

// ---- Two of every four columns

template <class T>
void times_24(Sparse24View s, const T* values, const T* x, const T* bias, T* y, std::int64_t n) {
  each("matmul_24", s.rows * n, [=] BONSAI_DEVICE(std::int64_t i) {
    const std::int64_t r = i / n, j = i % n, groups = s.columns / 4;
    const std::uint8_t* row = s.positions + r * position_bytes(s.columns);
    double total = bias ? static_cast<double>(bias[r]) : 0;
    for (std::int64_t g = 0; g < groups; ++g)
      for (int which = 0; which < 2; ++which)
        total += static_cast<double>(values[2 * (r * groups + g) + which]) * static_cast<double>(x[(4 * g + position(row, g, which)) * n + j]);
    y[i] = static_cast<T>(total);
  });
}
void matmul_24(Sparse24View s, View values, View x, View bias, View y) {
  dispatch_floating("matmul_24", values.dtype, [&]<class T>() { times_24(s, values.as<T>(), x.as<T>(), bias.as<T>(), y.as<T>(), y.shape[1]); });
}

// Four rows of x a thread, which are one group of columns: all rows of W go by, each with two entries for them.
template <class T>
void transposed_24(Sparse24View s, const T* values, const T* y, T* x, std::int64_t n) {
  each("matmul_24_transposed", s.columns / 4 * n, [=] BONSAI_DEVICE(std::int64_t i) {
    const std::int64_t g = i / n, j = i % n, groups = s.columns / 4;
    double totals[4] = {};
    for (std::int64_t r = 0; r < s.rows; ++r)
      for (int which = 0; which < 2; ++which)
        totals[position(s.positions + r * position_bytes(s.columns), g, which)] +=
            static_cast<double>(values[2 * (r * groups + g) + which]) * static_cast<double>(y[r * n + j]);
    for (int c = 0; c < 4; ++c) x[(4 * g + c) * n + j] = static_cast<T>(totals[c]);
  });
}
void matmul_24_transposed(Sparse24View s, View values, View y, View x) {
  dispatch_floating("matmul_24_transposed", values.dtype, [&]<class T>() { transposed_24(s, values.as<T>(), y.as<T>(), x.as<T>(), y.shape[1]); });
}

template <class T>
void sampled_24(Sparse24View s, const T* y, const T* x, T* values, std::int64_t n) {
  each("sampled_matmul_24", s.rows * s.columns / 2, [=] BONSAI_DEVICE(std::int64_t k) {
    const std::int64_t r = k / (s.columns / 2), in_row = k % (s.columns / 2);
    const std::int64_t c = in_row / 2 * 4 + position(s.positions + r * position_bytes(s.columns), in_row / 2, static_cast<int>(in_row % 2));
    double total = 0;
    for (std::int64_t j = 0; j < n; ++j) total += static_cast<double>(y[r * n + j]) * static_cast<double>(x[c * n + j]);
    values[k] = static_cast<T>(total);
  });
}
void sampled_matmul_24(Sparse24View s, View y, View x, View values) {
  dispatch_floating("sampled_matmul_24", values.dtype, [&]<class T>() { sampled_24(s, y.as<T>(), x.as<T>(), values.as<T>(), y.shape[1]); });
}

// ---- Convolutions: the entries of a row of w (out, in / groups kh kw) for an output; an output row's for its values

template <class T>
void convolved(SparseView s, ConvolutionSizes z, const T* values, const T* x, const T* bias, T* y, std::int64_t count) {
  each("sparse_conv2d", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t q = at % z.q, p = at / z.q % z.p, o = at / z.q / z.p % z.o, n = at / z.q / z.p / z.o;
    double total = bias ? static_cast<double>(bias[o]) : 0;
    for (std::int64_t k = s.begin[o]; k < s.begin[o + 1]; ++k)
      if (const std::int64_t i = z.pixel(o, p, q, s.index[k]); i >= 0) total += static_cast<double>(values[k]) * static_cast<double>(x[n * z.c * z.h * z.w + i]);
    y[at] = static_cast<T>(total);
  });
}
void sparse_conv2d(SparseView s, Window v, Shape w, View values, View x, View bias, View y) {
  dispatch_floating("sparse_conv2d", x.dtype,
                    [&]<class T>() { convolved(s, sizes(v, x.shape, w, y.shape), values.as<T>(), x.as<T>(), bias.as<T>(), y.as<T>(), y.shape.numel()); });
}

// By columns: row `tap` of the transposed pattern holds the outputs that keep this tap.
template <class T>
void input_gradient(SparseView s, ConvolutionSizes z, const T* values, const T* dy, T* dx, std::int64_t count) {
  each("sparse_conv2d_input_gradient", count, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t column = at % z.w, row = at / z.w % z.h, channel = at / z.w / z.h % z.c, n = at / z.w / z.h / z.c;
    const std::int64_t group = channel / z.inputs, outputs = z.o / z.v.groups;
    double total = 0;
    for (std::int64_t i = 0; i < z.kh; ++i)
      for (std::int64_t j = 0; j < z.kw; ++j) {
        const std::int64_t y = row + z.v.padding - i * z.v.dilation, x = column + z.v.padding - j * z.v.dilation;
        if (y < 0 || x < 0 || y % z.v.stride != 0 || x % z.v.stride != 0 || y / z.v.stride >= z.p || x / z.v.stride >= z.q) continue;
        const std::int64_t tap = (channel % z.inputs * z.kh + i) * z.kw + j;
        for (std::int64_t k = s.begin[tap]; k < s.begin[tap + 1]; ++k)
          if (const std::int64_t o = s.index[k]; o / outputs == group)
            total += static_cast<double>(values[s.from[k]]) * static_cast<double>(dy[((n * z.o + o) * z.p + y / z.v.stride) * z.q + x / z.v.stride]);
      }
    dx[at] = static_cast<T>(total);
  });
}
void sparse_conv2d_input_gradient(SparseView s, Window v, Shape w, View values, View dy, View dx) {
  dispatch_floating("sparse_conv2d_input_gradient", dy.dtype,
                    [&]<class T>() { input_gradient(s, sizes(v, dx.shape, w, dy.shape), values.as<T>(), dy.as<T>(), dx.as<T>(), dx.shape.numel()); });
}

template <class T>
void weight_gradient(SparseView s, ConvolutionSizes z, const T* x, const T* dy, T* values, std::int64_t batch) {
  each("sparse_conv2d_weight_gradient", s.rows, [=] BONSAI_DEVICE(std::int64_t o) {
    for (std::int64_t k = s.begin[o]; k < s.begin[o + 1]; ++k) {
      double total = 0;
      for (std::int64_t n = 0; n < batch; ++n)
        for (std::int64_t p = 0; p < z.p; ++p)
          for (std::int64_t q = 0; q < z.q; ++q)
            if (const std::int64_t i = z.pixel(o, p, q, s.index[k]); i >= 0)
              total += static_cast<double>(x[n * z.c * z.h * z.w + i]) * static_cast<double>(dy[((n * z.o + o) * z.p + p) * z.q + q]);
      values[k] = static_cast<T>(total);
    }
  });
}
void sparse_conv2d_weight_gradient(SparseView s, Window v, Shape w, View x, View dy, View values) {
  dispatch_floating("sparse_conv2d_weight_gradient", x.dtype,
                    [&]<class T>() { weight_gradient(s, sizes(v, x.shape, w, dy.shape), x.as<T>(), dy.as<T>(), values.as<T>(), x.shape[0]); });
}

}  // namespace

void add_sparse_products(Backend& b) {
  b.sparse_matmul.run = sparse_matmul;
  b.sampled_matmul.run = sampled_matmul;
  b.matmul_24.run = matmul_24;
  b.matmul_24_transposed.run = matmul_24_transposed;
  b.sampled_matmul_24.run = sampled_matmul_24;
  b.sparse_conv2d.run = sparse_conv2d;
  b.sparse_conv2d_input_gradient.run = sparse_conv2d_input_gradient;
  b.sparse_conv2d_weight_gradient.run = sparse_conv2d_weight_gradient;
}

}  // namespace bonsai::cuda
