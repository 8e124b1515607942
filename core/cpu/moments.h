// Sums over long rows of numbers, with which a mean and a variance are taken: in vectors over short runs, then in double. One order, whatever
// the threads; nothing cancels when the mean is large, for squares are of distances from it.
#pragma once
#include "core/cpu/lanes.h"

namespace bonsai::BONSAI_ISA {

// Lanes are summed in T over at most this many vectors, then in double.
constexpr std::int64_t short_run = 64;

// The lanes' sum, in pairs: a chain of additions would take longer than a short run.
template <class T>
[[gnu::always_inline]] inline double total(Vec<T> v) {
  double sum[Simd<T>::width];
  for (int i = 0; i < Simd<T>::width; ++i) sum[i] = v[i];
  for (int half = Simd<T>::width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sum[i] += sum[i + half];
  return sum[0];
}

struct Two {
  double first, second;
};
template <class T>
struct TwoVectors {
  Vec<T> first, second;
};

// Σ f(i), f giving two vectors at i or, at the end, two numbers.
template <class T, class V, class S>
[[gnu::always_inline]] inline Two sums_over(std::int64_t n, V vector, S single) {
  constexpr int w = Simd<T>::width;
  Two sum{0, 0};
  std::int64_t i = 0;
  while (i + w <= n) {
    const std::int64_t end = n - i < short_run * w ? n : i + short_run * w;
    Vec<T> a{}, b{}, c{}, d{};  // two for each sum, so that additions need not wait for one another
    for (; i + 2 * w <= end; i += 2 * w) {
      const TwoVectors<T> v = vector(i), u = vector(i + w);
      a += v.first, b += v.second, c += u.first, d += u.second;
    }
    for (; i + w <= end; i += w) {
      const TwoVectors<T> v = vector(i);
      a += v.first, b += v.second;
    }
    sum.first += total<T>(a + c);
    sum.second += total<T>(b + d);
  }
  for (; i < n; ++i) {
    const Two v = single(i);
    sum.first += v.first, sum.second += v.second;
  }
  return sum;
}
template <class T>
[[gnu::always_inline]] inline double sum_of(const T* x, std::int64_t n) {
  constexpr int w = Simd<T>::width;
  double sum = 0;
  std::int64_t i = 0;
  while (i + w <= n) {
    const std::int64_t end = n - i < short_run * w ? n : i + short_run * w;
    Vec<T> a{}, b{}, c{}, d{};
    for (; i + 4 * w <= end; i += 4 * w) {
      for (int k = 0; k < 4; ++k) __builtin_prefetch(x + i + k * w + fetched_ahead);
      a += load<T>(x + i), b += load<T>(x + i + w), c += load<T>(x + i + 2 * w), d += load<T>(x + i + 3 * w);
    }
    for (; i + w <= end; i += w) a += load<T>(x + i);
    sum += total<T>((a + b) + (c + d));
  }
  for (; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

struct Moments {
  double mean, squares;  // Σ (x - mean)²
};
template <class T>
[[gnu::always_inline]] inline Moments moments(const T* x, std::int64_t n) {
  const double count = static_cast<double>(n);
  const T middle = static_cast<T>(sum_of(x, n) / count);  // rounded; what that is off by is taken out again
  const auto [shift, squares] = sums_over<T>(
      n, [&](std::int64_t i) { const Vec<T> d = load<T>(x + i) - middle; return TwoVectors<T>{d, d * d}; },
      [&](std::int64_t i) { const double d = x[i] - middle; return Two{d, d * d}; });
  return {middle + shift / count, squares - shift * shift / count};
}

}  // namespace bonsai::BONSAI_ISA
