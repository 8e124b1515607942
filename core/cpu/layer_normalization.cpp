// Layer normalisation, row by row: a row stays in the first cache from its moments to its last number.
//
//   value      y = γ x^ + β,  x^ = (x - mean) r,  r = 1 / √(variance + ε)
//   gradient   dx = r (γ g - mean(γ g) - x^ mean(γ g x^)),  and a tile's rows add up dγ = Σ g x^ and dβ = Σ g in double
#include <algorithm>
#include <cmath>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"
#include "core/cpu/moments.h"
#include "core/memory.h"

namespace bonsai::BONSAI_ISA {

void layer_norm(double epsilon, View x, View gamma, View beta, View y, View statistics) {
  on_real(x.dtype, [&]<class T>() {
    const std::int64_t features = gamma.shape[0], rows = x.shape.numel() / features, group = std::max<std::int64_t>(1, tile_elements / features);
    parallel_for((rows + group - 1) / group, [&](std::int64_t tile) {
      for (std::int64_t row = tile * group; row < std::min(rows, (tile + 1) * group); ++row) {
        const T* __restrict from = x.as<const T>() + row * features;
        T* __restrict to = y.as<T>() + row * features;
        const Moments m = moments(from, features);
        statistics.as<double>()[row] = m.mean;
        const double variance = m.squares / static_cast<double>(features);
        statistics.as<double>()[rows + row] = variance;
        const T mean = static_cast<T>(m.mean), r = static_cast<T>(1 / std::sqrt(variance + epsilon)), rest = static_cast<T>(mean - m.mean);
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
    parallel_for(tiles, [&](std::int64_t tile) {
      double *__restrict sum_gx = part.data() + tile * 2 * features, *__restrict sum_g = sum_gx + features;
      for (std::int64_t j = 0; j < 2 * features; ++j) sum_gx[j] = 0;
      for (std::int64_t row = tile * group; row < std::min(rows, (tile + 1) * group); ++row) {
        const T *__restrict from = x.as<const T>() + row * features, *__restrict g = dy.as<const T>() + row * features, *__restrict w = gamma.as<const T>();
        const double mean = statistics.as<double>()[row], r = 1 / std::sqrt(statistics.as<double>()[rows + row] + epsilon), n = static_cast<double>(features);
        const T middle = static_cast<T>(mean), rest = static_cast<T>(middle - mean), scale = static_cast<T>(r);
        const auto [sum_wg, sum_wgx] = sums_over<T>(
            features,
            [&](std::int64_t j) { const Vec<T> wg = load<T>(w + j) * load<T>(g + j); return TwoVectors<T>{wg, wg * (((load<T>(from + j) - middle) + rest) * scale)}; },
            [&](std::int64_t j) { const T wg = w[j] * g[j]; return Two{static_cast<double>(wg), static_cast<double>(wg * (((from[j] - middle) + rest) * scale))}; });
        const T mean_g = static_cast<T>(sum_wg / n), mean_gx = static_cast<T>(sum_wgx / n);
        T* __restrict to = dx.as<T>() + row * features;
        for (std::int64_t j = 0; j < features; ++j) {
          const T normal = ((from[j] - middle) + rest) * scale;
          sum_gx[j] += g[j] * normal;
          sum_g[j] += g[j];
          to[j] = scale * (w[j] * g[j] - mean_g - normal * mean_gx);
        }
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
