// Batch and layer normalisation, as their formulas say, in double precision: one kind of loop over the groups that share a mean.
#include <algorithm>
#include <cmath>
#include <functional>

#include "core/reference/pictures.h"

namespace bonsai::reference {
namespace {

// x cut into groups, one mean and variance each, and which γ and β an element has.
struct Groups {
  std::int64_t count, members;
  std::function<std::int64_t(std::int64_t group, std::int64_t member)> place;    // in x
  std::function<std::int64_t(std::int64_t group, std::int64_t member)> feature;  // in γ and β
};

Groups channels_of(const Shape& x) {
  const std::int64_t c = x[1], plane = x.numel() / std::max<std::int64_t>(1, x[0] * c);
  return {c, x[0] * plane, [=](std::int64_t g, std::int64_t m) { return (m / plane * c + g) * plane + m % plane; }, [](std::int64_t g, std::int64_t) { return g; }};
}
Groups rows_of(const Shape& x) {
  const std::int64_t features = x[x.rank() - 1];
  return {x.numel() / features, features, [=](std::int64_t g, std::int64_t m) { return g * features + m; }, [](std::int64_t, std::int64_t m) { return m; }};
}

void normalize(const Groups& groups, Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  dispatch_floating("normalization", x.dtype, [&]<class T>() {
    for (std::int64_t g = 0; g < groups.count; ++g) {
      const auto n = static_cast<double>(groups.members);
      double mean = 0, variance = 0;
      for (std::int64_t m = 0; m < groups.members; ++m) mean += x.as<T>()[groups.place(g, m)] / n;
      for (std::int64_t m = 0; m < groups.members; ++m) variance += std::pow(x.as<T>()[groups.place(g, m)] - mean, 2) / n;
      statistics.as<double>()[g] = mean;
      statistics.as<double>()[groups.count + g] = variance;
      for (std::int64_t m = 0; m < groups.members; ++m) {
        const std::int64_t i = groups.place(g, m), f = groups.feature(g, m);
        double value = gamma.as<T>()[f] * (x.as<T>()[i] - mean) / std::sqrt(variance + how.epsilon) + beta.as<T>()[f];
        if (shortcut.data) value += shortcut.as<T>()[i];
        y.as<T>()[i] = static_cast<T>(how.relu && value < 0 ? 0 : value);
      }
    }
  });
}

void normalize_gradient(const Groups& groups, Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  dispatch_floating("normalization gradient", x.dtype, [&]<class T>() {
    const std::int64_t features = gamma.shape[0];
    Scratch<double> sum_g(features), sum_gx(features);
    std::fill_n(sum_g.data(), features, 0.0);
    std::fill_n(sum_gx.data(), features, 0.0);
    for (std::int64_t k = 0; k < groups.count; ++k) {
      const double mean = statistics.as<double>()[k], r = 1 / std::sqrt(statistics.as<double>()[groups.count + k] + how.epsilon), n = static_cast<double>(groups.members);
      auto g = [&](std::int64_t i) { return how.relu && !(y.as<T>()[i] > 0) ? 0.0 : static_cast<double>(dy.as<T>()[i]); };
      auto normal = [&](std::int64_t i) { return (x.as<T>()[i] - mean) * r; };
      double mean_g = 0, mean_gx = 0;  // of γ g and γ g x^
      for (std::int64_t m = 0; m < groups.members; ++m) {
        const std::int64_t i = groups.place(k, m), f = groups.feature(k, m);
        sum_g[f] += g(i);
        sum_gx[f] += g(i) * normal(i);
        mean_g += gamma.as<T>()[f] * g(i) / n;
        mean_gx += gamma.as<T>()[f] * g(i) * normal(i) / n;
      }
      for (std::int64_t m = 0; m < groups.members; ++m) {
        const std::int64_t i = groups.place(k, m), f = groups.feature(k, m);
        dx.as<T>()[i] = static_cast<T>(r * (gamma.as<T>()[f] * g(i) - mean_g - normal(i) * mean_gx));
        if (dshortcut.data) dshortcut.as<T>()[i] = static_cast<T>(g(i));
      }
    }
    for (std::int64_t f = 0; f < features; ++f) {
      dbeta.as<T>()[f] = static_cast<T>(sum_g[f]);
      dgamma.as<T>()[f] = static_cast<T>(sum_gx[f]);
    }
  });
}

void batch_norm(Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  normalize(channels_of(x.shape), how, x, gamma, beta, shortcut, y, statistics);
}
void batch_norm_gradient(Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  normalize_gradient(channels_of(x.shape), how, x, gamma, statistics, y, dy, dx, dgamma, dbeta, dshortcut);
}
void layer_norm(double epsilon, View x, View gamma, View beta, View y, View statistics) {
  normalize(rows_of(x.shape), {epsilon, false}, x, gamma, beta, {}, y, statistics);
}
void layer_norm_gradient(double epsilon, View x, View gamma, View statistics, View dy, View dx, View dgamma, View dbeta) {
  normalize_gradient(rows_of(x.shape), {epsilon, false}, x, gamma, statistics, {}, dy, dx, dgamma, dbeta, {});
}

}  // namespace

void add_normalization_kernels(Backend& b) {
  b.batch_norm.run = batch_norm;
  b.batch_norm_gradient.run = batch_norm_gradient;
  b.layer_norm.run = layer_norm;
  b.layer_norm_gradient.run = layer_norm_gradient;
}

}  // namespace bonsai::reference
