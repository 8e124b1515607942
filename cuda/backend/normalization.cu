// Batch and layer normalisation: a block a group (a channel, or a row). Its 256 threads share the group's members out among them, and add their sums in a tree of one
// shape. The mean first, then squares of distances from it: a channel of 1000.1 everywhere has a variance of 0.
#include <cmath>

#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

constexpr int threads = 256;

// x cut into groups of members; which γ and β a member has.
struct Groups {
  std::int64_t count, members, plane, channels;  // by channels where channels > 0: x (n, channels, plane); else rows of `members`
  BONSAI_HOST_DEVICE std::int64_t place(std::int64_t g, std::int64_t m) const { return channels > 0 ? (m / plane * channels + g) * plane + m % plane : g * members + m; }
  BONSAI_HOST_DEVICE std::int64_t feature(std::int64_t g, std::int64_t m) const { return channels > 0 ? g : m; }
};
Groups channels_of(const Shape& x) {
  const std::int64_t c = x[1], n = x[0], plane = n * c == 0 ? 1 : x.numel() / (n * c);
  return {c, n * plane, plane, c};
}
Groups rows_of(const Shape& x) {
  const std::int64_t features = x[x.rank() - 1];
  return {features == 0 ? 0 : x.numel() / features, features, 1, 0};
}

// Every thread's number, added up; all have the result. By all threads of the block.
BONSAI_DEVICE inline double block_sum(double mine, double* sums) {
  __syncthreads();
  sums[threadIdx.x] = mine;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  return sums[0];
}

template <class T>
struct Values {
  const T *x, *gamma, *beta, *shortcut;
  T* y;
  double* statistics;
  double epsilon;
  bool relu;
};

template <class T>
__global__ void value(Groups groups, Values<T> v) {
  double* sums = shared<double>();
  const std::int64_t g = blockIdx.x;
  const double n = static_cast<double>(groups.members);
  double mine = 0;
  for (std::int64_t m = threadIdx.x; m < groups.members; m += threads) mine += static_cast<double>(v.x[groups.place(g, m)]);
  const double mean = block_sum(mine, sums) / n;
  mine = 0;
  for (std::int64_t m = threadIdx.x; m < groups.members; m += threads) {
    const double d = static_cast<double>(v.x[groups.place(g, m)]) - mean;
    mine += d * d;
  }
  const double variance = block_sum(mine, sums) / n;
  if (threadIdx.x == 0) v.statistics[g] = mean, v.statistics[groups.count + g] = variance;
  for (std::int64_t m = threadIdx.x; m < groups.members; m += threads) {
    const std::int64_t i = groups.place(g, m), f = groups.feature(g, m);
    double y = static_cast<double>(v.gamma[f]) * (static_cast<double>(v.x[i]) - mean) / sqrt(variance + v.epsilon) + static_cast<double>(v.beta[f]);
    if (v.shortcut) y += static_cast<double>(v.shortcut[i]);
    v.y[i] = static_cast<T>(v.relu && y < 0 ? 0 : y);
  }
}

template <class T>
struct Gradients {
  const T *x, *gamma, *y, *dy;
  const double* statistics;
  T *dx, *dgamma, *dbeta, *dshortcut;
  double epsilon;
  bool relu;
  BONSAI_HOST_DEVICE double g(std::int64_t i) const { return relu && !(y[i] > 0) ? 0.0 : static_cast<double>(dy[i]); }
};

// dx, and by channels dγ and dβ, which are a group's own sums.
template <class T>
__global__ void gradient(Groups groups, Gradients<T> v) {
  double* sums = shared<double>();
  const std::int64_t k = blockIdx.x;
  const double n = static_cast<double>(groups.members), mean = v.statistics[k], r = 1 / sqrt(v.statistics[groups.count + k] + v.epsilon);
  double g = 0, gx = 0, weighted = 0, weighted_x = 0;
  for (std::int64_t m = threadIdx.x; m < groups.members; m += threads) {
    const std::int64_t i = groups.place(k, m);
    const double d = v.g(i), normal = (static_cast<double>(v.x[i]) - mean) * r, gamma = static_cast<double>(v.gamma[groups.feature(k, m)]);
    g += d, gx += d * normal, weighted += gamma * d, weighted_x += gamma * d * normal;
  }
  g = block_sum(g, sums), gx = block_sum(gx, sums);
  const double mean_g = block_sum(weighted, sums) / n, mean_gx = block_sum(weighted_x, sums) / n;
  if (groups.channels > 0 && threadIdx.x == 0) v.dbeta[k] = static_cast<T>(g), v.dgamma[k] = static_cast<T>(gx);
  for (std::int64_t m = threadIdx.x; m < groups.members; m += threads) {
    const std::int64_t i = groups.place(k, m);
    const double d = v.g(i), normal = (static_cast<double>(v.x[i]) - mean) * r;
    v.dx[i] = static_cast<T>(r * (static_cast<double>(v.gamma[groups.feature(k, m)]) * d - mean_g - normal * mean_gx));
    if (v.dshortcut) v.dshortcut[i] = static_cast<T>(d);
  }
}

// By rows, dγ and dβ are sums over the rows, a thread a feature.
template <class T>
void feature_gradients(Groups groups, Gradients<T> v) {
  each("layer_norm_gradient", groups.members, [=] BONSAI_DEVICE(std::int64_t f) {
    double g = 0, gx = 0;
    for (std::int64_t k = 0; k < groups.count; ++k) {
      const std::int64_t i = groups.place(k, f);
      const double d = v.g(i), r = 1 / sqrt(v.statistics[groups.count + k] + v.epsilon);
      g += d, gx += d * (static_cast<double>(v.x[i]) - v.statistics[k]) * r;
    }
    v.dbeta[f] = static_cast<T>(g), v.dgamma[f] = static_cast<T>(gx);
  });
}

void normalize(const char* name, Groups groups, Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  dispatch_floating(name, x.dtype, [&]<class T>() {
    const Values<T> v{x.as<T>(), gamma.as<T>(), beta.as<T>(), shortcut.as<T>(), y.as<T>(), statistics.as<double>(), how.epsilon, how.relu};
    launch(name, value<T>, dim3(static_cast<unsigned>(groups.count)), dim3(threads), threads * sizeof(double), current_stream(), groups, v);
  });
}
void normalize_gradient(const char* name, Groups groups, Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  dispatch_floating(name, x.dtype, [&]<class T>() {
    const Gradients<T> v{x.as<T>(), gamma.as<T>(), y.as<T>(), dy.as<T>(), statistics.as<double>(), dx.as<T>(), dgamma.as<T>(), dbeta.as<T>(), dshortcut.as<T>(), how.epsilon, how.relu};
    launch(name, gradient<T>, dim3(static_cast<unsigned>(groups.count)), dim3(threads), threads * sizeof(double), current_stream(), groups, v);
    if (groups.channels == 0) feature_gradients(groups, v);
  });
}

void batch_norm(Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  normalize("batch_norm", channels_of(x.shape), how, x, gamma, beta, shortcut, y, statistics);
}
void batch_norm_gradient(Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  normalize_gradient("batch_norm_gradient", channels_of(x.shape), how, x, gamma, statistics, y, dy, dx, dgamma, dbeta, dshortcut);
}
void layer_norm(double epsilon, View x, View gamma, View beta, View y, View statistics) {
  normalize("layer_norm", rows_of(x.shape), {epsilon, false}, x, gamma, beta, {}, y, statistics);
}
void layer_norm_gradient(double epsilon, View x, View gamma, View statistics, View dy, View dx, View dgamma, View dbeta) {
  normalize_gradient("layer_norm_gradient", rows_of(x.shape), {epsilon, false}, x, gamma, statistics, {}, dy, dx, dgamma, dbeta, {});
}

}  // namespace

void add_normalization(Backend& b) {
  b.batch_norm.run = batch_norm;
  b.batch_norm_gradient.run = batch_norm_gradient;
  b.layer_norm.run = layer_norm;
  b.layer_norm_gradient.run = layer_norm_gradient;
}

}  // namespace bonsai::cuda
