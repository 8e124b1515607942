// Batch normalisation, in as few passes over memory as there can be: bringing a number from there takes longer than all that is done with it.
//
//   value      1. blocks of a thousand numbers or more that share a channel, a plane or several examples' planes copied together, give their
//                 mean and the squared distances from it, while they are in the first cache; blocks are merged by Chan's formula, in order:
//                 nothing cancels
//              2. y = a (x - mean) + b [+ shortcut] [ReLU], one a and b a channel. (a x + b would cancel where the mean is large.)
//   gradient   1. Σ g and Σ g (x - mean), g being dy where y > 0, block by block
//              2. dx = a g + b (x - mean) + c
//
// Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 1983.
#include <cmath>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"
#include "core/cpu/moments.h"
#include "core/memory.h"

namespace bonsai::BONSAI_ISA {
namespace {

// The least that is worth a block's sums across lanes.
constexpr std::int64_t block_numbers = 1024;
// Planes shorter than this are not worth a loop: a, b and the mean are then repeated for every pixel, and an example is one long run.
constexpr std::int64_t short_plane = 16;

// x (examples, channels, plane).
struct Extent {
  std::int64_t examples, channels, plane, together, blocks;  // `together` examples are a block of each channel
  explicit Extent(const Shape& x) : examples(x[0]), channels(x[1]), plane(x.numel() / (x[0] * x[1])) {
    together = plane < block_numbers ? (block_numbers + plane - 1) / plane : 1;
    if (together > examples) together = examples;
    blocks = (examples + together - 1) / together;
  }
  std::int64_t examples_of(std::int64_t block) const { return block + 1 < blocks ? together : examples - block * together; }
  double members() const { return static_cast<double>(examples * plane); }
  // f(number of the block and channel, channel, place of the block's first plane, how many planes), in parallel.
  template <class F>
  void each_block(F f) const {
    in_tiles(blocks * channels, together * plane, [&](std::int64_t k) {
      const std::int64_t block = k / channels, c = k % channels;
      f(k, c, (block * together * channels + c) * plane, examples_of(block));
    });
  }

  bool whole_examples() const { return plane < short_plane; }
  std::int64_t repeats() const { return whole_examples() ? plane : 1; }  // of a channel's coefficients
  // f(place of a run, its length, where its coefficients begin), in parallel.
  template <class F>
  void each_run(F f) const {
    const std::int64_t length = whole_examples() ? channels * plane : plane;
    in_tiles(examples * channels * plane / length, length, [&](std::int64_t k) { f(k * length, length, whole_examples() ? 0 : k % channels); });
  }

 private:
  template <class F>
  static void in_tiles(std::int64_t count, std::int64_t size, F f) {
    const std::int64_t group = size < tile_elements ? tile_elements / size : 1;
    parallel_for((count + group - 1) / group, [&](std::int64_t tile) {
      for (std::int64_t k = tile * group; k < count && k < (tile + 1) * group; ++k) f(k);
    });
  }
};

// y = a (x - mean) + b + shortcut, then ReLU. Each: one a, b and mean a number.
template <class T, bool Each, bool Shortcut, bool ReLU>
void affine(const T* __restrict x, const T* __restrict shortcut, const T* __restrict a, const T* __restrict b, const T* __restrict mean, std::int64_t n, T* __restrict y) {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t k = Each ? i : 0;
    T v = a[k] * (x[i] - mean[k]) + b[k];
    if constexpr (Shortcut) v += shortcut[i];
    y[i] = ReLU && v < T(0) ? T(0) : v;
  }
}

// dx = a g + b (x - mean) + c, with g = dy where y > 0; dshortcut = g.
template <class T, bool Each, bool Shortcut, bool ReLU>
void affine_gradient(const T* __restrict x, const T* __restrict y, const T* __restrict dy, const T* __restrict a, const T* __restrict b, const T* __restrict c,
                     const T* __restrict mean, std::int64_t n, T* __restrict dx, T* __restrict dshortcut) {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t k = Each ? i : 0;
    const T slope = dy[i], g = ReLU && !(y[i] > T(0)) ? T(0) : slope;
    dx[i] = a[k] * g + (b[k] * (x[i] - mean[k]) + c[k]);
    if constexpr (Shortcut) dshortcut[i] = g;
  }
}

// f<A, B, C>() for three conditions known at run time.
template <class F>
void with(bool a, bool b, bool c, F f) {
  auto two = [&]<bool A>() {
    if (b) return c ? f.template operator()<A, true, true>() : f.template operator()<A, true, false>();
    return c ? f.template operator()<A, false, true>() : f.template operator()<A, false, false>();
  };
  return a ? two.template operator()<true>() : two.template operator()<false>();
}

// Σ g and Σ g (x - mean).
template <class T, bool ReLU>
Two gradient_sums(const T* x, const T* y, const T* dy, T mean, std::int64_t n) {
  return sums_over<T>(
      n,
      [&](std::int64_t i) {
        __builtin_prefetch(dy + i + fetched_ahead);
        if constexpr (ReLU) __builtin_prefetch(y + i + fetched_ahead);
        __builtin_prefetch(x + i + fetched_ahead);
        Vec<T> g = load<T>(dy + i);
        if constexpr (ReLU) g = load<T>(y + i) > Vec<T>{} ? g : Vec<T>{};
        return TwoVectors<T>{g, g * (load<T>(x + i) - mean)};
      },
      [&](std::int64_t i) {
        const T g = ReLU && !(y[i] > T(0)) ? T(0) : dy[i];
        return Two{static_cast<double>(g), static_cast<double>(g * (x[i] - mean))};
      });
}

}  // namespace

void batch_norm(Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  on_real(x.dtype, [&]<class T>() {
    const Extent e(x.shape);
    Scratch<double> means(e.blocks * e.channels), squares(e.blocks * e.channels);
    e.each_block([&](std::int64_t k, std::int64_t, std::int64_t at, std::int64_t planes) {
      const T* from = x.as<const T>() + at;
      T copy[2 * block_numbers];
      if (planes > 1) {
        for (std::int64_t n = 0; n < planes; ++n)
          for (std::int64_t i = 0; i < e.plane; ++i) copy[n * e.plane + i] = from[n * e.channels * e.plane + i];
        from = copy;
      }
      const Moments m = moments(from, planes * e.plane);
      means[k] = m.mean;
      squares[k] = m.squares;
    });
    // mean = Σ n_k mean_k / n,  variance = Σ (squares_k + n_k (mean_k - mean)²) / n
    double *mean = statistics.as<double>(), *variance = mean + e.channels;
    for (std::int64_t c = 0; c < 2 * e.channels; ++c) mean[c] = 0;
    for (std::int64_t block = 0; block < e.blocks; ++block) {
      const double share = static_cast<double>(e.examples_of(block) * e.plane) / e.members();
      for (std::int64_t c = 0; c < e.channels; ++c) mean[c] += share * means[block * e.channels + c];
    }
    for (std::int64_t block = 0; block < e.blocks; ++block) {
      const double n = static_cast<double>(e.examples_of(block) * e.plane);
      for (std::int64_t c = 0; c < e.channels; ++c) {
        const double off = means[block * e.channels + c] - mean[c];
        variance[c] += squares[block * e.channels + c] + n * off * off;
      }
    }
    const std::int64_t repeats = e.repeats();
    Scratch<T> a(e.channels * repeats), b(e.channels * repeats), middle(e.channels * repeats);
    for (std::int64_t c = 0; c < e.channels; ++c) {
      variance[c] /= e.members();
      const double scale = gamma.as<T>()[c] / std::sqrt(variance[c] + how.epsilon);
      for (std::int64_t k = c * repeats; k < (c + 1) * repeats; ++k) {
        a[k] = static_cast<T>(scale);
        middle[k] = static_cast<T>(mean[c]);
        b[k] = static_cast<T>(beta.as<T>()[c] + (middle[k] - mean[c]) * scale);
      }
    }
    with(e.whole_examples(), shortcut.data, how.relu, [&]<bool Each, bool Shortcut, bool ReLU>() {
      e.each_run([&](std::int64_t at, std::int64_t length, std::int64_t k) {
        affine<T, Each, Shortcut, ReLU>(x.as<const T>() + at, shortcut.as<const T>() + (Shortcut ? at : 0), &a[k], &b[k], &middle[k], length, y.as<T>() + at);
      });
    });
  });
}

void batch_norm_gradient(Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  on_real(x.dtype, [&]<class T>() {
    const Extent e(x.shape);
    const std::int64_t repeats = e.repeats();
    const double *mean = statistics.as<double>(), *variance = mean + e.channels;
    Scratch<double> sums(2 * e.blocks * e.channels), sum(2 * e.channels);  // Σ g, Σ g (x - middle)
    Scratch<T> a(e.channels * repeats), b(e.channels * repeats), c0(e.channels * repeats), middle(e.channels * repeats);
    with(e.whole_examples(), dshortcut.data, how.relu, [&]<bool Each, bool Shortcut, bool ReLU>() {
      e.each_block([&](std::int64_t k, std::int64_t c, std::int64_t at, std::int64_t planes) {
        const T *from = x.as<const T>() + at, *value = ReLU ? y.as<const T>() + at : nullptr, *slope = dy.as<const T>() + at, centre = static_cast<T>(mean[c]);
        Two s;
        if (planes > 1) {
          T g[2 * block_numbers], off[2 * block_numbers];
          for (std::int64_t n = 0; n < planes; ++n)
            for (std::int64_t i = 0; i < e.plane; ++i) {
              const std::int64_t to = n * e.plane + i, place = n * e.channels * e.plane + i;
              const T d = slope[place];
              g[to] = ReLU && !(value[place] > T(0)) ? T(0) : d;
              off[to] = from[place] - centre;
            }
          s = gradient_sums<T, false>(off, nullptr, g, T(0), planes * e.plane);
        } else {
          s = gradient_sums<T, ReLU>(from, value, slope, centre, e.plane);
        }
        sums[2 * k] = s.first;
        sums[2 * k + 1] = s.second;
      });
      for (std::int64_t c = 0; c < 2 * e.channels; ++c) sum[c] = 0;
      for (std::int64_t block = 0; block < e.blocks; ++block)
        for (std::int64_t c = 0; c < 2 * e.channels; ++c) sum[c] += sums[block * 2 * e.channels + c];
      for (std::int64_t c = 0; c < e.channels; ++c) {
        const T centre = static_cast<T>(mean[c]);
        const double r = 1 / std::sqrt(variance[c] + how.epsilon), scale = gamma.as<T>()[c] * r;
        const double sum_gx = (sum[2 * c + 1] + sum[2 * c] * (centre - mean[c])) * r;  // Σ g x^
        const double slope = -scale * r * sum_gx / e.members();
        dbeta.as<T>()[c] = static_cast<T>(sum[2 * c]);
        dgamma.as<T>()[c] = static_cast<T>(sum_gx);
        for (std::int64_t k = c * repeats; k < (c + 1) * repeats; ++k) {
          a[k] = static_cast<T>(scale);
          b[k] = static_cast<T>(slope);
          c0[k] = static_cast<T>(slope * (centre - mean[c]) - scale * sum[2 * c] / e.members());
          middle[k] = centre;
        }
      }
      e.each_run([&](std::int64_t at, std::int64_t length, std::int64_t k) {
        affine_gradient<T, Each, Shortcut, ReLU>(x.as<const T>() + at, y.as<const T>() + (ReLU ? at : 0), dy.as<const T>() + at, &a[k], &b[k], &c0[k], &middle[k], length,
                                                 dx.as<T>() + at, dshortcut.as<T>() + (Shortcut ? at : 0));
      });
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
