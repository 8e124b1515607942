// Rows: softmax and its relatives, a row a thread, shifted by the row's maximum; and indexing.
#include <cmath>

#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

std::int64_t length(const View& v) { return v.shape[v.shape.rank() - 1]; }
std::int64_t count(const View& v) { return length(v) == 0 ? 0 : v.shape.numel() / length(v); }

struct LogSum {
  double maximum, log_sum;
};
template <class T>
BONSAI_HOST_DEVICE LogSum log_sum_exp(const T* x, std::int64_t n) {
  double top = static_cast<double>(x[0]), total = 0;
  for (std::int64_t j = 1; j < n; ++j) top = top < static_cast<double>(x[j]) ? static_cast<double>(x[j]) : top;
  for (std::int64_t j = 0; j < n; ++j) total += exp(static_cast<double>(x[j]) - top);
  return {top, log(total)};
}

template <class T>
void softmax_as(const T* x, T* y, std::int64_t rows, std::int64_t n, bool logarithm) {
  each("softmax", rows, [=] BONSAI_DEVICE(std::int64_t r) {
    const LogSum s = log_sum_exp(x + r * n, n);
    for (std::int64_t j = 0; j < n; ++j) {
      const double v = static_cast<double>(x[r * n + j]) - s.maximum - s.log_sum;
      y[r * n + j] = static_cast<T>(logarithm ? v : exp(v));
    }
  });
}
void softmax(View x, View y) {
  dispatch_floating("softmax", x.dtype, [&]<class T>() { softmax_as(x.as<T>(), y.as<T>(), count(x), length(x), false); });
}
void log_softmax(View x, View y) {
  dispatch_floating("log_softmax", x.dtype, [&]<class T>() { softmax_as(x.as<T>(), y.as<T>(), count(x), length(x), true); });
}

template <class T>
void softmax_gradient_as(const T* y, const T* dy, T* dx, std::int64_t rows, std::int64_t n) {
  each("softmax_gradient", rows, [=] BONSAI_DEVICE(std::int64_t r) {
    double dot = 0;
    for (std::int64_t j = r * n; j < (r + 1) * n; ++j) dot += static_cast<double>(y[j]) * static_cast<double>(dy[j]);
    for (std::int64_t j = r * n; j < (r + 1) * n; ++j) dx[j] = static_cast<T>(static_cast<double>(y[j]) * (static_cast<double>(dy[j]) - dot));
  });
}
void softmax_gradient(View y, View dy, View dx) {
  dispatch_floating("softmax_gradient", y.dtype, [&]<class T>() { softmax_gradient_as(y.as<T>(), dy.as<T>(), dx.as<T>(), count(y), length(y)); });
}

template <class T>
void log_softmax_gradient_as(const T* y, const T* dy, T* dx, std::int64_t rows, std::int64_t n) {
  each("log_softmax_gradient", rows, [=] BONSAI_DEVICE(std::int64_t r) {
    double total = 0;
    for (std::int64_t j = r * n; j < (r + 1) * n; ++j) total += static_cast<double>(dy[j]);
    for (std::int64_t j = r * n; j < (r + 1) * n; ++j) dx[j] = static_cast<T>(static_cast<double>(dy[j]) - exp(static_cast<double>(y[j])) * total);
  });
}
void log_softmax_gradient(View y, View dy, View dx) {
  dispatch_floating("log_softmax_gradient", y.dtype, [&]<class T>() { log_softmax_gradient_as(y.as<T>(), dy.as<T>(), dx.as<T>(), count(y), length(y)); });
}

template <class T>
void cross_entropy_as(const T* x, const std::int64_t* labels, T* loss, std::int64_t rows, std::int64_t n) {
  Misfit* m = misfit_of("cross_entropy");
  each("cross_entropy", rows, [=] BONSAI_DEVICE(std::int64_t r) {
    const LogSum s = log_sum_exp(x + r * n, n);
    loss[r] = static_cast<T>(s.log_sum + s.maximum - static_cast<double>(x[r * n + checked(m, labels[r], n)]));
  });
}
void cross_entropy(View x, View labels, View loss) {
  dispatch_floating("cross_entropy", x.dtype, [&]<class T>() { cross_entropy_as(x.as<T>(), labels.as<std::int64_t>(), loss.as<T>(), count(x), length(x)); });
}

template <class T>
void cross_entropy_gradient_as(const T* x, const std::int64_t* labels, const T* dloss, T* dx, std::int64_t rows, std::int64_t n) {
  each("cross_entropy_gradient", rows, [=] BONSAI_DEVICE(std::int64_t r) {
    const LogSum s = log_sum_exp(x + r * n, n);
    for (std::int64_t j = 0; j < n; ++j) {
      const double p = exp(static_cast<double>(x[r * n + j]) - s.maximum - s.log_sum);
      dx[r * n + j] = static_cast<T>((p - (labels[r] == j ? 1 : 0)) * static_cast<double>(dloss[r]));
    }
  });
}
void cross_entropy_gradient(View x, View labels, View dloss, View dx) {
  dispatch_floating("cross_entropy_gradient", x.dtype,
                    [&]<class T>() { cross_entropy_gradient_as(x.as<T>(), labels.as<std::int64_t>(), dloss.as<T>(), dx.as<T>(), count(x), length(x)); });
}

// ---- Indexing. An axis split off: (outer, axis, inner).

struct Split {
  std::int64_t outer = 1, inner = 1;
  Split(const Shape& s, int axis) {
    for (int i = 0; i < s.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : s[i];
  }
};

template <class T>
void select_as(const T* in, const std::int64_t* indices, T* out, Split s, std::int64_t size, std::int64_t k) {
  Misfit* m = misfit_of("index_select");
  each("index_select", s.outer * k * s.inner, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t j = at % s.inner, i = at / s.inner % k, o = at / s.inner / k;
    out[at] = in[(o * size + checked(m, indices[i], size)) * s.inner + j];
  });
}
void index_select(View in, View indices, int axis, View out) {
  dispatch(in.dtype, [&]<class T>() { select_as(in.as<T>(), indices.as<std::int64_t>(), out.as<T>(), Split(in.shape, axis), in.shape[axis], indices.shape[0]); });
}

// A thread an element of out: those of in that go there, in the order of the indices.
template <class T>
void add_as(const T* in, const std::int64_t* indices, T* out, Split s, std::int64_t size, std::int64_t k) {
  Misfit* m = misfit_of("index_add");
  each("index_add", s.outer * size * s.inner, [=] BONSAI_DEVICE(std::int64_t at) {
    const std::int64_t j = at % s.inner, place = at / s.inner % size, o = at / s.inner / size;
    T total = out[at];
    for (std::int64_t i = 0; i < k; ++i)
      if (checked(m, indices[i], size) == place) total += in[(o * k + i) * s.inner + j];
    out[at] = total;
  });
}
void index_add(View in, View indices, int axis, View out) {
  dispatch(in.dtype, [&]<class T>() { add_as(in.as<T>(), indices.as<std::int64_t>(), out.as<T>(), Split(in.shape, axis), out.shape[axis], indices.shape[0]); });
}

template <class T>
void gather_as(const T* in, const std::int64_t* indices, T* out, std::int64_t rows, std::int64_t k, std::int64_t n) {
  Misfit* m = misfit_of("gather");
  each("gather", rows * k, [=] BONSAI_DEVICE(std::int64_t at) { out[at] = in[at / k * n + checked(m, indices[at], n)]; });
}
void gather(View in, View indices, View out) {
  dispatch(in.dtype, [&]<class T>() { gather_as(in.as<T>(), indices.as<std::int64_t>(), out.as<T>(), count(indices), length(indices), length(in)); });
}

template <class T>
void scatter_as(const T* in, const std::int64_t* indices, T* out, std::int64_t rows, std::int64_t k, std::int64_t n) {
  Misfit* m = misfit_of("scatter_add");
  each("scatter_add", rows, [=] BONSAI_DEVICE(std::int64_t r) {
    for (std::int64_t j = r * k; j < (r + 1) * k; ++j) out[r * n + checked(m, indices[j], n)] += in[j];
  });
}
void scatter_add(View in, View indices, View out) {
  dispatch(in.dtype, [&]<class T>() { scatter_as(in.as<T>(), indices.as<std::int64_t>(), out.as<T>(), count(indices), length(indices), length(out)); });
}

}  // namespace

void add_rows(Backend& b) {
  b.softmax.run = softmax;
  b.softmax_gradient.run = softmax_gradient;
  b.log_softmax.run = log_softmax;
  b.log_softmax_gradient.run = log_softmax_gradient;
  b.cross_entropy.run = cross_entropy;
  b.cross_entropy_gradient.run = cross_entropy_gradient;
  b.index_select.run = index_select;
  b.index_add.run = index_add;
  b.gather.run = gather;
  b.scatter_add.run = scatter_add;
}

}  // namespace bonsai::cuda
