// The reference backend: every kernel as the plainest loop that computes its formula. Slow, and meant to be read first. It is the
// oracle that the fast backends are tested against, so it sums in double precision and takes no shortcuts.
#include <algorithm>
#include <limits>

#include "core/backend.h"
#include "core/crop.h"
#include "core/random.h"
#include "core/reference/optimizers.h"
#include "core/reference/pictures.h"
#include "core/reference/sparse.h"

namespace bonsai {
namespace {

// Walks all index tuples of `shape` in row-major order; each visit gets the offsets into the views whose strides were given.
template <std::size_t N, class F>
void for_each(const Shape& shape, const std::array<Shape, N>& strides, F f) {
  const std::int64_t n = shape.numel();
  std::array<std::int64_t, Shape::max_rank> index{};
  std::array<std::int64_t, N> offset{};
  for (std::int64_t k = 0; k < n; ++k) {
    f(offset);
    for (int a = shape.rank() - 1; a >= 0; --a) {  // the next tuple, like an odometer
      for (std::size_t v = 0; v < N; ++v) offset[v] += strides[v][a];
      if (++index[a] < shape[a]) break;
      for (std::size_t v = 0; v < N; ++v) offset[v] -= strides[v][a] * shape[a];
      index[a] = 0;
    }
  }
}

void fill(View out, double value) {
  dispatch(out.dtype, [&]<class T>() {
    for_each<1>(out.shape, {out.strides}, [&](auto at) { out.as<T>()[at[0]] = static_cast<T>(value); });
  });
}

void copy(View in, View out) {
  dispatch(in.dtype, [&]<class From>() {
    dispatch(out.dtype, [&]<class To>() {
      for_each<2>(out.shape, {in.strides, out.strides},
                  [&](auto at) { out.as<To>()[at[1]] = static_cast<To>(in.as<From>()[at[0]]); });
    });
  });
}

void unary(Unary op, View in, View out) {
  dispatch_floating(name(op), in.dtype, [&]<class T>() {
    visit(op, [&]<Unary u>() {
      for_each<2>(out.shape, {in.strides, out.strides}, [&](auto at) { out.as<T>()[at[1]] = apply<u>(in.as<T>()[at[0]]); });
    });
  });
}

void binary(Binary op, View a, View b, View out) {
  dispatch(a.dtype, [&]<class T>() {
    visit(op, [&]<Binary o>() {
      for_each<3>(out.shape, {a.strides, b.strides, out.strides}, [&](auto at) {
        out.as<T>()[at[2]] = static_cast<T>(apply<o>(a.as<T>()[at[0]], b.as<T>()[at[1]]));
      });
    });
  });
}

void compare(Compare op, View a, View b, View out) {
  dispatch(a.dtype, [&]<class T>() {
    visit(op, [&]<Compare o>() {
      for_each<3>(out.shape, {a.strides, b.strides, out.strides}, [&](auto at) {
        out.as<std::uint8_t>()[at[2]] = apply<o>(a.as<T>()[at[0]], b.as<T>()[at[1]]);
      });
    });
  });
}

void where(View c, View a, View b, View out) {
  dispatch(a.dtype, [&]<class T>() {
    for_each<4>(out.shape, {c.strides, a.strides, b.strides, out.strides}, [&](auto at) {
      out.as<T>()[at[3]] = c.as<std::uint8_t>()[at[0]] ? a.as<T>()[at[1]] : b.as<T>()[at[2]];
    });
  });
}

// Integers are summed as integers, real numbers in double precision.
template <class T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;

void sum(View in, View out) {
  dispatch(in.dtype, [&]<class T>() {
    Scratch<Sum<T>> total(std::max<std::int64_t>(out.shape.numel(), 1));
    std::fill_n(total.data(), out.shape.numel(), Sum<T>(0));
    const Shape to = broadcast_view({nullptr, in.dtype, out.shape, contiguous_strides(out.shape)}, in.shape).strides;
    for_each<2>(in.shape, {in.strides, to}, [&](auto at) { total[at[1]] += in.as<T>()[at[0]]; });
    for_each<2>(out.shape, {contiguous_strides(out.shape), out.strides}, [&](auto at) { out.as<T>()[at[1]] = static_cast<T>(total[at[0]]); });
  });
}

void max(View in, View out) {
  dispatch(in.dtype, [&]<class T>() {
    const T lowest = std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
    for_each<1>(out.shape, {out.strides}, [&](auto at) { out.as<T>()[at[0]] = lowest; });
    const Shape to = broadcast_view(out, in.shape).strides;
    for_each<2>(in.shape, {in.strides, to}, [&](auto at) {
      T& y = out.as<T>()[at[1]];
      y = apply<Binary::maximum>(in.as<T>()[at[0]], y);
    });
  });
}

// Row i of a matrix view whose last axis is the row and whose other axes are contiguous.
std::int64_t row_length(const View& v) { return v.shape[v.shape.rank() - 1]; }
std::int64_t row_count(const View& v) { return row_length(v) == 0 ? 0 : v.shape.numel() / row_length(v); }
template <class T>
T* row(const View& v, std::int64_t i) { return v.as<T>() + i * row_length(v); }

void argmax(View in, View out) {
  dispatch(in.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(in); ++i)
      out.as<std::int64_t>()[i] = std::max_element(row<T>(in, i), row<T>(in, i) + row_length(in)) - row<T>(in, i);
  });
}

void matmul(View a, View b, View c) {
  dispatch_floating("matmul", a.dtype, [&]<class T>() {
    const int r = c.shape.rank() - 2;
    const std::int64_t m = c.shape[r], n = c.shape[r + 1], k = a.shape[r + 1];
    const Shape batch(std::span(c.shape.begin(), r));
    for_each<3>(batch, {a.strides, b.strides, c.strides}, [&](auto at) {
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double total = 0;
          for (std::int64_t p = 0; p < k; ++p)
            total += static_cast<double>(a.as<T>()[at[0] + i * a.strides[r] + p * a.strides[r + 1]]) *
                     b.as<T>()[at[1] + p * b.strides[r] + j * b.strides[r + 1]];
          c.as<T>()[at[2] + i * c.strides[r] + j * c.strides[r + 1]] = static_cast<T>(total);
        }
    });
  });
}

void linear(View x, View w, View bias, View y) {
  matmul(x, transposed(w), y);
  if (bias.data) binary(Binary::add, y, broadcast_view(bias, y.shape), y);
}

// An axis split off: (outer, axis, inner) with everything contiguous.
struct Split {
  std::int64_t outer = 1, inner = 1;
  Split(const Shape& s, int axis) {
    for (int i = 0; i < s.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : s[i];
  }
};

void index_select(View in, View indices, int axis, View out) {
  dispatch(in.dtype, [&]<class T>() {
    const Split s(in.shape, axis);
    const std::int64_t size = in.shape[axis], k = indices.shape[0];
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t i = 0; i < k; ++i)
        std::copy_n(in.as<T>() + (o * size + indices.as<std::int64_t>()[i]) * s.inner, s.inner, out.as<T>() + (o * k + i) * s.inner);
  });
}

void index_add(View in, View indices, int axis, View out) {
  dispatch(in.dtype, [&]<class T>() {
    const Split s(in.shape, axis);
    const std::int64_t size = out.shape[axis], k = indices.shape[0];
    for (std::int64_t o = 0; o < s.outer; ++o)
      for (std::int64_t i = 0; i < k; ++i)
        for (std::int64_t j = 0; j < s.inner; ++j)
          out.as<T>()[(o * size + indices.as<std::int64_t>()[i]) * s.inner + j] += in.as<T>()[(o * k + i) * s.inner + j];
  });
}

void gather(View in, View indices, View out) {
  dispatch(in.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(indices); ++i)
      for (std::int64_t j = 0; j < row_length(indices); ++j) row<T>(out, i)[j] = row<T>(in, i)[row<std::int64_t>(indices, i)[j]];
  });
}

void scatter_add(View in, View indices, View out) {
  dispatch(in.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(indices); ++i)
      for (std::int64_t j = 0; j < row_length(indices); ++j) row<T>(out, i)[row<std::int64_t>(indices, i)[j]] += row<T>(in, i)[j];
  });
}

// A row's maximum and log Σ e^(x - maximum).
struct LogSum {
  double maximum, log_sum;
};
template <class T>
LogSum log_sum_exp(const T* x, std::int64_t n) {
  const double top = *std::max_element(x, x + n);
  double total = 0;
  for (std::int64_t j = 0; j < n; ++j) total += std::exp(x[j] - top);
  return {top, std::log(total)};
}

void softmax(View x, View y) {
  dispatch_floating("softmax", x.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(x); ++i) {
      const LogSum s = log_sum_exp(row<T>(x, i), row_length(x));
      for (std::int64_t j = 0; j < row_length(x); ++j) row<T>(y, i)[j] = static_cast<T>(std::exp(row<T>(x, i)[j] - s.maximum - s.log_sum));
    }
  });
}

void softmax_gradient(View y, View dy, View dx) {
  dispatch_floating("softmax_gradient", y.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(y); ++i) {
      double dot = 0;
      for (std::int64_t j = 0; j < row_length(y); ++j) dot += static_cast<double>(row<T>(y, i)[j]) * row<T>(dy, i)[j];
      for (std::int64_t j = 0; j < row_length(y); ++j) row<T>(dx, i)[j] = static_cast<T>(row<T>(y, i)[j] * (row<T>(dy, i)[j] - dot));
    }
  });
}

void log_softmax(View x, View y) {
  dispatch_floating("log_softmax", x.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(x); ++i) {
      const LogSum s = log_sum_exp(row<T>(x, i), row_length(x));
      for (std::int64_t j = 0; j < row_length(x); ++j) row<T>(y, i)[j] = static_cast<T>(row<T>(x, i)[j] - s.maximum - s.log_sum);
    }
  });
}

void log_softmax_gradient(View y, View dy, View dx) {
  dispatch_floating("log_softmax_gradient", y.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(y); ++i) {
      double total = 0;
      for (std::int64_t j = 0; j < row_length(y); ++j) total += row<T>(dy, i)[j];
      for (std::int64_t j = 0; j < row_length(y); ++j)
        row<T>(dx, i)[j] = static_cast<T>(row<T>(dy, i)[j] - std::exp(static_cast<double>(row<T>(y, i)[j])) * total);
    }
  });
}

void cross_entropy(View x, View labels, View loss) {
  dispatch_floating("cross_entropy", x.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(x); ++i) {
      const LogSum s = log_sum_exp(row<T>(x, i), row_length(x));
      loss.as<T>()[i] = static_cast<T>(s.log_sum + s.maximum - row<T>(x, i)[labels.as<std::int64_t>()[i]]);
    }
  });
}

void cross_entropy_gradient(View x, View labels, View dloss, View dx) {
  softmax(x, dx);
  dispatch_floating("cross_entropy_gradient", x.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < row_count(x); ++i) {
      row<T>(dx, i)[labels.as<std::int64_t>()[i]] -= T(1);
      for (std::int64_t j = 0; j < row_length(x); ++j) row<T>(dx, i)[j] *= dloss.as<T>()[i];
    }
  });
}

void pixels(View bytes, View numbers, View scale, View out) {
  const std::int64_t channels = bytes.shape[1], plane = bytes.shape[2];
  for (std::int64_t i = 0; i < numbers.shape[0]; ++i)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t j = 0; j < plane; ++j) {
        const float* s = scale.as<float>() + 3 * c;
        const float x = bytes.as<std::uint8_t>()[(numbers.as<std::int64_t>()[i] * channels + c) * plane + j];
        out.as<float>()[(i * channels + c) * plane + j] = x * s[0] + (x * s[1] + s[2]);
      }
}

void crop(Cropping how, View pictures, View numbers, View out) {
  const std::int64_t channels = out.shape[1], height = out.shape[2], width = out.shape[3];
  for (std::int64_t i = 0; i < out.shape[0]; ++i) {
    const Crop c = crop_at(how, i);
    for (std::int64_t channel = 0; channel < channels; ++channel)
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
          const std::int64_t row = y + c.dy - how.padding, column = (c.flip ? width - 1 - x : x) + c.dx - how.padding;
          const bool inside = row >= 0 && row < height && column >= 0 && column < width;
          const std::int64_t from = ((numbers.as<std::int64_t>()[i] * channels + channel) * height + row) * width + column;
          out.as<std::uint8_t>()[((i * channels + channel) * height + y) * width + x] = inside ? pictures.as<std::uint8_t>()[from] : 0;
        }
  }
}

void uniform(std::uint64_t key, std::uint64_t counter, View out) {
  dispatch_floating("uniform", out.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < out.shape.numel(); ++i) out.as<T>()[i] = static_cast<T>(uniform_at(key, counter, i));
  });
}

void normal(std::uint64_t key, std::uint64_t counter, View out) {
  dispatch_floating("normal", out.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < out.shape.numel(); ++i) out.as<T>()[i] = static_cast<T>(normal_at(key, counter, i));
  });
}

Backend make() {
  Backend b{};
  b.fill.run = fill;
  b.copy.run = copy;
  b.unary.run = unary;
  b.binary.run = binary;
  b.compare.run = compare;
  b.where.run = where;
  b.sum.run = sum;
  b.max.run = max;
  b.argmax.run = argmax;
  b.matmul.run = matmul;
  b.linear.run = linear;
  b.index_select.run = index_select;
  b.index_add.run = index_add;
  b.gather.run = gather;
  b.scatter_add.run = scatter_add;
  b.pixels.run = pixels;
  b.crop.run = crop;
  b.softmax.run = softmax;
  b.softmax_gradient.run = softmax_gradient;
  b.log_softmax.run = log_softmax;
  b.log_softmax_gradient.run = log_softmax_gradient;
  b.cross_entropy.run = cross_entropy;
  b.cross_entropy_gradient.run = cross_entropy_gradient;
  b.uniform.run = uniform;
  b.normal.run = normal;
  b.sparse_matmul.run = reference::sparse_matmul;
  b.matmul_24.run = reference::matmul_24;
  b.matmul_24_transposed.run = reference::matmul_24_transposed;
  b.sampled_matmul_24.run = reference::sampled_matmul_24;
  b.sampled_matmul.run = reference::sampled_matmul;
  reference::add_picture_kernels(b);
  reference::add_normalization_kernels(b);
  b.sgd.run = reference_sgd;
  b.adam.run = reference_adam;
  b.set_name("reference");
  return b;
}

}  // namespace

const Backend& reference_backend() {
  static const Backend b = make();
  return b;
}

}  // namespace bonsai
