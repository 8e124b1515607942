// Softmax, log-softmax and cross-entropy, a row at a time. Exponentials are taken in the tensor's own type, sums in double.
#include <cmath>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"

namespace bonsai::BONSAI_ISA {
namespace {

// f(i) for each row, with tiles of about tile_elements.
template <class F>
void for_each_row(const View& x, F f) {
  const std::int64_t columns = x.shape[x.shape.rank() - 1];
  std::int64_t rows = columns > 0;
  for (int a = 0; a + 1 < x.shape.rank(); ++a) rows *= x.shape[a];
  const std::int64_t group = std::max<std::int64_t>(1, tile_elements / 8 / std::max<std::int64_t>(columns, 1));
  parallel_for((rows + group - 1) / group, [&](std::int64_t tile) {
    for (std::int64_t i = tile * group; i < std::min(rows, (tile + 1) * group); ++i) f(i * columns, columns, i);
  });
}

template <class T>
T row_maximum(const T* x, std::int64_t n) {
  T top = x[0];
  for (std::int64_t j = 1; j < n; ++j) top = x[j] > top ? x[j] : top;
  return top;
}

}  // namespace

void softmax(View x, View y) {
  on_real(x.dtype, [&]<class T>() {
    for_each_row(x, [&](std::int64_t at, std::int64_t n, std::int64_t) {
      const T *in = x.as<T>() + at, top = row_maximum(in, n);
      T* out = y.as<T>() + at;
      double total = 0;
      for (std::int64_t j = 0; j < n; ++j) total += out[j] = std::exp(in[j] - top);
      const double scale = 1 / total;
      for (std::int64_t j = 0; j < n; ++j) out[j] = static_cast<T>(out[j] * scale);
    });
  });
}

void softmax_gradient(View y, View dy, View dx) {
  on_real(y.dtype, [&]<class T>() {
    for_each_row(y, [&](std::int64_t at, std::int64_t n, std::int64_t) {
      const T *p = y.as<T>() + at, *g = dy.as<T>() + at;
      T* out = dx.as<T>() + at;
      double dot = 0;
      for (std::int64_t j = 0; j < n; ++j) dot += static_cast<double>(p[j]) * g[j];
      for (std::int64_t j = 0; j < n; ++j) out[j] = static_cast<T>(p[j] * (g[j] - dot));
    });
  });
}

void log_softmax(View x, View y) {
  on_real(x.dtype, [&]<class T>() {
    for_each_row(x, [&](std::int64_t at, std::int64_t n, std::int64_t) {
      const T *in = x.as<T>() + at, top = row_maximum(in, n);
      T* out = y.as<T>() + at;
      double total = 0;
      for (std::int64_t j = 0; j < n; ++j) total += std::exp(in[j] - top);
      const double shift = top + std::log(total);
      for (std::int64_t j = 0; j < n; ++j) out[j] = static_cast<T>(in[j] - shift);
    });
  });
}

void log_softmax_gradient(View y, View dy, View dx) {
  on_real(y.dtype, [&]<class T>() {
    for_each_row(y, [&](std::int64_t at, std::int64_t n, std::int64_t) {
      const T *l = y.as<T>() + at, *g = dy.as<T>() + at;
      T* out = dx.as<T>() + at;
      double total = 0;
      for (std::int64_t j = 0; j < n; ++j) total += g[j];
      for (std::int64_t j = 0; j < n; ++j) out[j] = static_cast<T>(g[j] - std::exp(l[j]) * total);
    });
  });
}

void cross_entropy(View x, View labels, View loss) {
  on_real(x.dtype, [&]<class T>() {
    for_each_row(x, [&](std::int64_t at, std::int64_t n, std::int64_t i) {
      const T *in = x.as<T>() + at, top = row_maximum(in, n);
      double total = 0;
      for (std::int64_t j = 0; j < n; ++j) total += std::exp(in[j] - top);
      loss.as<T>()[i] = static_cast<T>(std::log(total) + (top - in[labels.as<std::int64_t>()[i]]));
    });
  });
}

void cross_entropy_gradient(View x, View labels, View dloss, View dx) {
  on_real(x.dtype, [&]<class T>() {
    for_each_row(x, [&](std::int64_t at, std::int64_t n, std::int64_t i) {
      const T *in = x.as<T>() + at, top = row_maximum(in, n);
      T* out = dx.as<T>() + at;
      double total = 0;
      for (std::int64_t j = 0; j < n; ++j) total += out[j] = std::exp(in[j] - top);
      const double scale = dloss.as<T>()[i * dloss.strides[0]] / total;
      for (std::int64_t j = 0; j < n; ++j) out[j] = static_cast<T>(out[j] * scale);
      out[labels.as<std::int64_t>()[i]] -= dloss.as<T>()[i * dloss.strides[0]];
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
