// Batch and layer normalisation: as few passes over memory as there can be, since a number is read in less time than a cache's miss takes.
//
//   value      1. each run of numbers that share a channel, a plane of an example, gives its mean and the squared distances from it, while
//                 it is in the first cache; runs are merged by Chan's formula, in order, so that nothing cancels
//              2. y = a x + b [+ shortcut] [ReLU], one a and b a channel
//   gradient   1. Σ g and Σ g (x - mean), g being dy where y > 0
//              2. dx = a g + b (x - mean) + c
//
// Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 1983.
#include <algorithm>
#include <cmath>

#include "core/cpu/lanes.h"
#include "core/cpu/loops.h"
#include "core/cpu/kernels.h"
#include "core/memory.h"

namespace bonsai::BONSAI_ISA {
namespace {

// Lanes are summed in T over at most this many vectors, then in double.
constexpr std::int64_t short_run = 64;

template <class T>
double total(Vec<T> v) {
  double sum = 0;
  for (int i = 0; i < Simd<T>::width; ++i) sum += v[i];
  return sum;
}

// Σ f(i), f giving a vector at i or, at the end, a number.
template <class T, class V, class S>
double sum_over(std::int64_t n, V vector, S single) {
  constexpr int w = Simd<T>::width;
  double sum = 0;
  std::int64_t i = 0;
  while (i + w <= n) {
    Vec<T> lanes[4] = {};
    for (std::int64_t k = 0; k < short_run && i + w <= n; ++k, i += w) lanes[k % 4] += vector(i);
    sum += total<T>((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
  }
  for (; i < n; ++i) sum += single(i);
  return sum;
}

struct Moments {
  double n, mean, squares;  // count, mean, Σ (x - mean)²
};
template <class T>
Moments moments(const T* x, std::int64_t n) {
  if (n == 1) return {1, static_cast<double>(x[0]), 0};
  const double mean = sum_over<T>(n, [&](std::int64_t i) { __builtin_prefetch(x + i + fetched_ahead); return load<T>(x + i); }, [&](std::int64_t i) { return static_cast<double>(x[i]); }) / static_cast<double>(n);
  const T middle = static_cast<T>(mean);  // rounded; what that is off by is taken out again
  auto off = [&](std::int64_t i) { return load<T>(x + i) - middle; };
  auto off_one = [&](std::int64_t i) { return static_cast<double>(x[i] - middle); };
  const double shift = sum_over<T>(n, off, off_one);
  const double squares = sum_over<T>(n, [&](std::int64_t i) { const Vec<T> d = off(i); return d * d; }, [&](std::int64_t i) { return off_one(i) * off_one(i); });
  return {static_cast<double>(n), middle + shift / static_cast<double>(n), squares - shift * shift / static_cast<double>(n)};
}
Moments merged(const Moments& a, const Moments& b) {
  const double n = a.n + b.n, d = b.mean - a.mean;
  return {n, a.mean + d * b.n / n, a.squares + b.squares + d * d * a.n * b.n / n};
}

// x (examples, channels, plane), worked on by examples.
struct Extent {
  std::int64_t examples, channels, plane;
  explicit Extent(const Shape& x) : examples(x[0]), channels(x[1]), plane(x.numel() / std::max<std::int64_t>(1, x[0] * x[1])) {}
  // f(example, channel, place of the run) for every run, in parallel.
  template <class F>
  void each_run(F f) const {
    const std::int64_t group = std::max<std::int64_t>(1, tile_elements / (channels * plane));
    parallel_for((examples + group - 1) / group, [&](std::int64_t tile) {
      for (std::int64_t n = tile * group; n < std::min(examples, (tile + 1) * group); ++n)
        for (std::int64_t c = 0; c < channels; ++c) f(n, c, (n * channels + c) * plane);
    });
  }
  // sums[c] = Σ over examples of part[example, c], each channel in the order of the examples.
  template <class P, class F>
  void each_channel(const P* part, F f) const {
    for (std::int64_t c = 0; c < channels; ++c) {
      P sum = part[c];
      for (std::int64_t n = 1; n < examples; ++n) sum = f(sum, part[n * channels + c]);
      const_cast<P*>(part)[c] = sum;
    }
  }
};

// y = a x + b + shortcut, then ReLU.
template <class T, bool Shortcut, bool ReLU>
void affine(const T* __restrict x, const T* __restrict shortcut, T a, T b, std::int64_t n, T* __restrict y) {
  for (std::int64_t i = 0; i < n; ++i) {
    T v = a * x[i] + b;
    if constexpr (Shortcut) v += shortcut[i];
    y[i] = ReLU && v < T(0) ? T(0) : v;
  }
}

// dx = a g + b (x - mean) + c, with g = dy where y > 0; dshortcut = g.
template <class T, bool Shortcut, bool ReLU>
void affine_gradient(const T* __restrict x, const T* __restrict y, const T* __restrict dy, T a, T b, T c, T mean, std::int64_t n, T* __restrict dx, T* __restrict dshortcut) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T g = ReLU && !(y[i] > T(0)) ? T(0) : dy[i];
    dx[i] = a * g + (b * (x[i] - mean) + c);
    if constexpr (Shortcut) dshortcut[i] = g;
  }
}

// f<A, B>() for two conditions known at run time.
template <class F>
void with(bool a, bool b, F f) {
  if (a) return b ? f.template operator()<true, true>() : f.template operator()<true, false>();
  return b ? f.template operator()<false, true>() : f.template operator()<false, false>();
}

struct Pair {
  double g, gx;  // Σ g, Σ g (x - mean)
};

template <class T, bool ReLU>
Pair gradient_sums(const T* x, const T* y, const T* dy, T mean, std::int64_t n) {
  auto g = [&](std::int64_t i) {
    __builtin_prefetch(dy + i + fetched_ahead);
    __builtin_prefetch(y + i + fetched_ahead);
    __builtin_prefetch(x + i + fetched_ahead);
    const Vec<T> d = load<T>(dy + i);
    if constexpr (!ReLU) return d;
    else return load<T>(y + i) > Vec<T>{} ? d : Vec<T>{};
  };
  auto g_one = [&](std::int64_t i) { return ReLU && !(y[i] > T(0)) ? T(0) : dy[i]; };
  return {sum_over<T>(n, g, [&](std::int64_t i) { return static_cast<double>(g_one(i)); }),
          sum_over<T>(n, [&](std::int64_t i) { return g(i) * (load<T>(x + i) - mean); }, [&](std::int64_t i) { return static_cast<double>(g_one(i) * (x[i] - mean)); })};
}

}  // namespace

void batch_norm(Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  on_real(x.dtype, [&]<class T>() {
    const Extent e(x.shape);
    Scratch<Moments> part(e.examples * e.channels);
    e.each_run([&](std::int64_t n, std::int64_t c, std::int64_t at) { part[n * e.channels + c] = moments(x.as<const T>() + at, e.plane); });
    e.each_channel(part.data(), merged);
    Scratch<T> a(e.channels), b(e.channels);
    for (std::int64_t c = 0; c < e.channels; ++c) {
      const double mean = part[c].mean, variance = part[c].squares / part[c].n, scale = gamma.as<T>()[c] / std::sqrt(variance + how.epsilon);
      statistics.as<double>()[c] = mean;
      statistics.as<double>()[e.channels + c] = variance;
      a[c] = static_cast<T>(scale);
      b[c] = static_cast<T>(beta.as<T>()[c] - mean * scale);
    }
    with(shortcut.data, how.relu, [&]<bool Shortcut, bool ReLU>() {
      e.each_run([&](std::int64_t, std::int64_t c, std::int64_t at) {
        affine<T, Shortcut, ReLU>(x.as<const T>() + at, shortcut.as<const T>() + (Shortcut ? at : 0), a[c], b[c], e.plane, y.as<T>() + at);
      });
    });
  });
}

void batch_norm_gradient(Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  on_real(x.dtype, [&]<class T>() {
    const Extent e(x.shape);
    Scratch<Pair> part(e.examples * e.channels);
    Scratch<T> a(e.channels), b(e.channels), c0(e.channels), middle(e.channels);
    const double *mean = statistics.as<double>(), *variance = mean + e.channels;
    for (std::int64_t c = 0; c < e.channels; ++c) middle[c] = static_cast<T>(mean[c]);
    with(dshortcut.data, how.relu, [&]<bool Shortcut, bool ReLU>() {
      e.each_run([&](std::int64_t n, std::int64_t c, std::int64_t at) {
        part[n * e.channels + c] = gradient_sums<T, ReLU>(x.as<const T>() + at, y.as<const T>() + at, dy.as<const T>() + at, middle[c], e.plane);
      });
      e.each_channel(part.data(), [](const Pair& p, const Pair& q) { return Pair{p.g + q.g, p.gx + q.gx}; });
      for (std::int64_t c = 0; c < e.channels; ++c) {
        const double members = static_cast<double>(e.examples * e.plane), r = 1 / std::sqrt(variance[c] + how.epsilon), scale = gamma.as<T>()[c] * r;
        const double sum_gx = (part[c].gx + part[c].g * (middle[c] - mean[c])) * r;  // Σ g x^
        const double slope = -scale * r * sum_gx / members;
        dbeta.as<T>()[c] = static_cast<T>(part[c].g);
        dgamma.as<T>()[c] = static_cast<T>(sum_gx);
        a[c] = static_cast<T>(scale);
        b[c] = static_cast<T>(slope);
        c0[c] = static_cast<T>(slope * (middle[c] - mean[c]) - scale * part[c].g / members);
      }
      e.each_run([&](std::int64_t, std::int64_t c, std::int64_t at) {
        affine_gradient<T, Shortcut, ReLU>(x.as<const T>() + at, y.as<const T>() + at, dy.as<const T>() + at, a[c], b[c], c0[c], middle[c], e.plane, dx.as<T>() + at,
                                           dshortcut.as<T>() + (Shortcut ? at : 0));
      });
    });
  });
}

void layer_norm(double epsilon, View x, View gamma, View beta, View y, View statistics) {
  on_real(x.dtype, [&]<class T>() {
    const std::int64_t features = gamma.shape[0], rows = x.shape.numel() / features, group = std::max<std::int64_t>(1, tile_elements / features);
    parallel_for((rows + group - 1) / group, [&](std::int64_t tile) {
      for (std::int64_t row = tile * group; row < std::min(rows, (tile + 1) * group); ++row) {
        const T* __restrict from = x.as<const T>() + row * features;
        T* __restrict to = y.as<T>() + row * features;
        const Moments m = moments(from, features);
        statistics.as<double>()[row] = m.mean;
        statistics.as<double>()[rows + row] = m.squares / m.n;
        const T mean = static_cast<T>(m.mean), r = static_cast<T>(1 / std::sqrt(m.squares / m.n + epsilon)), rest = static_cast<T>(mean - m.mean);
        const T *g = gamma.as<const T>(), *b = beta.as<const T>();
        for (std::int64_t j = 0; j < features; ++j) to[j] = g[j] * (((from[j] - mean) + rest) * r) + b[j];
      }
    });
  });
}

void layer_norm_gradient(double epsilon, View x, View gamma, View statistics, View dy, View dx, View dgamma, View dbeta) {
  on_real(x.dtype, [&]<class T>() {
    const std::int64_t features = gamma.shape[0], rows = x.shape.numel() / features, group = std::max<std::int64_t>(1, tile_elements / features);
    const std::int64_t tiles = (rows + group - 1) / group;
    Scratch<double> part(2 * features * std::max<std::int64_t>(1, tiles));  // a tile's sums for dγ and dβ
    for (std::int64_t j = 0; j < 2 * features; ++j) part[j] = 0;
    parallel_for(tiles, [&](std::int64_t tile) {
      double *sum_gx = part.data() + tile * 2 * features, *sum_g = sum_gx + features;
      for (std::int64_t j = 0; j < 2 * features; ++j) sum_gx[j] = 0;
      for (std::int64_t row = tile * group; row < std::min(rows, (tile + 1) * group); ++row) {
        const T *from = x.as<const T>() + row * features, *g = dy.as<const T>() + row * features, *w = gamma.as<const T>();
        const double mean = statistics.as<double>()[row], r = 1 / std::sqrt(statistics.as<double>()[rows + row] + epsilon);
        double mean_g = 0, mean_gx = 0;
        for (std::int64_t j = 0; j < features; ++j) {
          const double normal = (from[j] - mean) * r, scaled = static_cast<double>(w[j]) * g[j];
          mean_g += scaled;
          mean_gx += scaled * normal;
          sum_gx[j] += g[j] * normal;
          sum_g[j] += g[j];
        }
        mean_g /= static_cast<double>(features);
        mean_gx /= static_cast<double>(features);
        for (std::int64_t j = 0; j < features; ++j)
          dx.as<T>()[row * features + j] = static_cast<T>(r * (static_cast<double>(w[j]) * g[j] - mean_g - (from[j] - mean) * r * mean_gx));
      }
    });
    for (std::int64_t j = 0; j < features; ++j) {
      double gx = 0, g = 0;
      for (std::int64_t tile = 0; tile < tiles; ++tile) gx += part[tile * 2 * features + j], g += part[(tile * 2 + 1) * features + j];
      dgamma.as<T>()[j] = static_cast<T>(gx);
      dbeta.as<T>()[j] = static_cast<T>(g);
    }
  });
}

}  // namespace bonsai::BONSAI_ISA
