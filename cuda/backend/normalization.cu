// Batch and layer normalisation. A group (a channel, or a row) is a block's, whose threads share its members out among them and add their sums in a tree of one shape. The mean
// first, then squares of distances from it: a channel of 1000.1 everywhere has a variance of 0.
//
// A channel of a batch of pictures has 100,000 members, and there are 16 channels: so channels of more than 4096 are cut into parts, a block each, about 528 in all (four a
// multiprocessor; by shape, for the same bits everywhere). One kernel leaves each part's mean and squares, or the gradient's two sums; a second one puts them together, every
// block once more for itself, and computes its part of the result. (Parts with means m_p and squares q_p: mean m = Σ n_p m_p / n, squares Σ q_p + n_p (m_p - m)².)
//
// Bytes: x twice for the value (once if it fits the L2 cache), x and dy and perhaps y twice for the gradient, and the results once. Arithmetic is in double precision, which an
// H200 does at half the speed of f32, behind its memory; a consumer GPU would wait for it.
#include <cmath>

#include "cuda/backend/scratch.h"

namespace bonsai::cuda {
namespace {

// x cut into groups of members; which γ and β a member has; and the groups into parts.
struct Groups {
  std::uint32_t count, members, plane, channels;  // by channels where channels > 0: x (n, channels, plane); else rows of `members`
  std::uint32_t parts = 1, part_length = members;
  BONSAI_HOST_DEVICE std::int64_t place(std::uint32_t g, std::uint32_t m) const {
    if (channels == 0) return static_cast<std::int64_t>(g) * members + m;
    const std::uint32_t picture = m / plane;
    return (static_cast<std::int64_t>(picture) * channels + g) * plane + (m - picture * plane);
  }
  BONSAI_HOST_DEVICE std::uint32_t feature(std::uint32_t g, std::uint32_t m) const { return channels > 0 ? g : m; }
  BONSAI_HOST_DEVICE std::uint32_t begin(std::uint32_t part) const { return part * part_length; }
  BONSAI_HOST_DEVICE std::uint32_t end(std::uint32_t part) const { return (part + 1) * part_length < members ? (part + 1) * part_length : members; }
  unsigned threads() const {  // of a block: 32 to 256
    unsigned t = 32;
    while (t < 256 && t < part_length) t *= 2;
    return t;
  }
};
Groups groups_of(const char* name, const Shape& x, std::int64_t count, std::int64_t members, std::int64_t plane, std::int64_t channels) {
  require(x.numel() < (std::int64_t{1} << 31), "{}: {} has more elements than the 2^31 that the kernel counts to; cut the batch", name, x);
  Groups g{static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(members), static_cast<std::uint32_t>(plane), static_cast<std::uint32_t>(channels)};
  if (channels > 0 && members > 4096) {
    const std::uint32_t wanted = (528 + g.count - 1) / g.count, most = (g.members + 2047) / 2048, parts = wanted < most ? wanted : most;
    g.part_length = (g.members + parts - 1) / parts;
    g.parts = (g.members + g.part_length - 1) / g.part_length;
  }
  return g;
}
Groups channels_of(const char* name, const Shape& x) {
  const std::int64_t c = x[1], n = x[0], plane = n * c == 0 ? 1 : x.numel() / (n * c);
  return groups_of(name, x, c, n * plane, plane, c);
}
Groups rows_of(const char* name, const Shape& x) {
  const std::int64_t features = x[x.rank() - 1];
  return groups_of(name, x, features == 0 ? 0 : x.numel() / features, features, 1, 0);
}

// Every thread's number, added up; all have the result. By all threads of the block.
BONSAI_DEVICE inline double block_sum(double mine, double* sums) {
  const int t = static_cast<int>(threadIdx.x);
  __syncthreads();
  sums[t] = mine;
  for (int half = static_cast<int>(blockDim.x) / 2; half > 0; half /= 2) {
    __syncthreads();
    if (t < half) sums[t] += sums[t + half];
  }
  __syncthreads();
  return sums[0];
}

struct Moments {
  double mean, squares;  // Σ (x - mean)²
};
template <class T>
BONSAI_DEVICE Moments moments(const Groups& groups, std::uint32_t g, std::uint32_t part, const T* x, double* sums) {
  double mine = 0;
  for (std::uint32_t m = groups.begin(part) + threadIdx.x; m < groups.end(part); m += blockDim.x) mine += static_cast<double>(x[groups.place(g, m)]);
  const double mean = block_sum(mine, sums) / static_cast<double>(groups.end(part) - groups.begin(part));
  mine = 0;
  for (std::uint32_t m = groups.begin(part) + threadIdx.x; m < groups.end(part); m += blockDim.x) {
    const double d = static_cast<double>(x[groups.place(g, m)]) - mean;
    mine += d * d;
  }
  return {mean, block_sum(mine, sums)};
}
BONSAI_DEVICE inline Moments together(const Groups& groups, const Moments* parts) {
  double mean = 0, squares = 0;
  for (std::uint32_t p = 0; p < groups.parts; ++p) mean += static_cast<double>(groups.end(p) - groups.begin(p)) * parts[p].mean;
  mean /= static_cast<double>(groups.members);
  for (std::uint32_t p = 0; p < groups.parts; ++p) squares += parts[p].squares + static_cast<double>(groups.end(p) - groups.begin(p)) * (parts[p].mean - mean) * (parts[p].mean - mean);
  return {mean, squares};
}

template <class T>
__global__ void part_moments(Groups groups, const T* x, Moments* out) {
  const Moments m = moments(groups, blockIdx.x / groups.parts, blockIdx.x % groups.parts, x, shared<double>());
  if (threadIdx.x == 0) out[blockIdx.x] = m;
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
__global__ void value(Groups groups, Values<T> v, const Moments* parts) {
  const std::uint32_t g = blockIdx.x / groups.parts, part = blockIdx.x % groups.parts;
  const Moments all = groups.parts > 1 ? together(groups, parts + g * groups.parts) : moments(groups, g, 0, v.x, shared<double>());
  const double variance = all.squares / static_cast<double>(groups.members), scale = 1 / sqrt(variance + v.epsilon);
  if (threadIdx.x == 0 && part == 0) v.statistics[g] = all.mean, v.statistics[groups.count + g] = variance;
  for (std::uint32_t m = groups.begin(part) + threadIdx.x; m < groups.end(part); m += blockDim.x) {
    const std::int64_t i = groups.place(g, m);
    const std::uint32_t f = groups.feature(g, m);
    double y = static_cast<double>(v.gamma[f]) * (static_cast<double>(v.x[i]) - all.mean) * scale + static_cast<double>(v.beta[f]);
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

// Σ γ g and Σ γ g x̂ over a part of a group: what the group's mean and variance pass on to each of its members.
struct Passed {
  double g, gx;
};
template <class T>
BONSAI_DEVICE Passed passed(const Groups& groups, std::uint32_t k, std::uint32_t part, const Gradients<T>& v, double* sums) {
  const double mean = v.statistics[k], r = 1 / sqrt(v.statistics[groups.count + k] + v.epsilon);
  Passed p{0, 0};
  for (std::uint32_t m = groups.begin(part) + threadIdx.x; m < groups.end(part); m += blockDim.x) {
    const std::int64_t i = groups.place(k, m);
    const double d = v.g(i) * (groups.channels > 0 ? 1 : static_cast<double>(v.gamma[m]));  // (a channel's γ is one number, and comes later)
    p.g += d, p.gx += d * (static_cast<double>(v.x[i]) - mean) * r;
  }
  p.g = block_sum(p.g, sums), p.gx = block_sum(p.gx, sums);
  return p;
}
template <class T>
__global__ void part_passed(Groups groups, Gradients<T> v, Passed* out) {
  const Passed p = passed(groups, blockIdx.x / groups.parts, blockIdx.x % groups.parts, v, shared<double>());
  if (threadIdx.x == 0) out[blockIdx.x] = p;
}

// dx, and by channels dγ and dβ, which are a group's own sums.
template <class T>
__global__ void gradient(Groups groups, Gradients<T> v, const Passed* parts) {
  const std::uint32_t k = blockIdx.x / groups.parts, part = blockIdx.x % groups.parts;
  const double n = static_cast<double>(groups.members), mean = v.statistics[k], r = 1 / sqrt(v.statistics[groups.count + k] + v.epsilon);
  Passed all{0, 0};
  if (groups.parts == 1) all = passed(groups, k, 0, v, shared<double>());
  else
    for (std::uint32_t p = 0; p < groups.parts; ++p) all.g += parts[k * groups.parts + p].g, all.gx += parts[k * groups.parts + p].gx;
  const double channel_gamma = groups.channels > 0 ? static_cast<double>(v.gamma[k]) : 1;
  if (groups.channels > 0 && threadIdx.x == 0 && part == 0) v.dbeta[k] = static_cast<T>(all.g), v.dgamma[k] = static_cast<T>(all.gx);
  const double mean_g = channel_gamma * all.g / n, mean_gx = channel_gamma * all.gx / n;
  for (std::uint32_t m = groups.begin(part) + threadIdx.x; m < groups.end(part); m += blockDim.x) {
    const std::int64_t i = groups.place(k, m);
    const double d = v.g(i), normal = (static_cast<double>(v.x[i]) - mean) * r, gamma = groups.channels > 0 ? channel_gamma : static_cast<double>(v.gamma[m]);
    v.dx[i] = static_cast<T>(r * (gamma * d - mean_g - normal * mean_gx));
    if (v.dshortcut) v.dshortcut[i] = static_cast<T>(d);
  }
}

// By rows, dγ and dβ are sums over the rows, a block a feature.
template <class T>
__global__ void feature_gradients(Groups groups, Gradients<T> v) {
  double *sums = shared<double>(), g = 0, gx = 0;
  const std::uint32_t f = blockIdx.x;
  for (std::uint32_t k = threadIdx.x; k < groups.count; k += blockDim.x) {
    const std::int64_t i = groups.place(k, f);
    const double d = v.g(i), r = 1 / sqrt(v.statistics[groups.count + k] + v.epsilon);
    g += d, gx += d * (static_cast<double>(v.x[i]) - v.statistics[k]) * r;
  }
  g = block_sum(g, sums), gx = block_sum(gx, sums);
  if (threadIdx.x == 0) v.dbeta[f] = static_cast<T>(g), v.dgamma[f] = static_cast<T>(gx);
}

// kernel(arguments...) for each part of each group, after part_kernel has left each part's sums where there are several.
template <class Sums, class... Parameters, class V>
void by_parts(const char* name, const Groups& groups, void (*kernel)(Groups, V, const Sums*), void (*part_kernel)(Groups, Parameters..., Sums*), const V& v, Parameters... of_parts) {
  const dim3 grid(groups.count * groups.parts), block(groups.threads());
  const DeviceScratch<Sums> sums(groups.parts > 1 ? static_cast<std::int64_t>(groups.count) * groups.parts : 0);
  const std::size_t bytes = groups.threads() * sizeof(double);
  if (groups.parts > 1) launch(name, part_kernel, grid, block, bytes, current_stream(), groups, of_parts..., sums.data());
  launch(name, kernel, grid, block, bytes, current_stream(), groups, v, static_cast<const Sums*>(sums.data()));
}

void normalize(const char* name, const Groups& groups, Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  dispatch_floating(name, x.dtype, [&]<class T>() {
    const Values<T> v{x.as<T>(), gamma.as<T>(), beta.as<T>(), shortcut.as<T>(), y.as<T>(), statistics.as<double>(), how.epsilon, how.relu};
    by_parts<Moments, const T*>(name, groups, value<T>, part_moments<T>, v, v.x);
  });
}
void normalize_gradient(const char* name, const Groups& groups, Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  dispatch_floating(name, x.dtype, [&]<class T>() {
    const Gradients<T> v{x.as<T>(), gamma.as<T>(), y.as<T>(), dy.as<T>(), statistics.as<double>(), dx.as<T>(), dgamma.as<T>(), dbeta.as<T>(), dshortcut.as<T>(), how.epsilon, how.relu};
    by_parts<Passed, Gradients<T>>(name, groups, gradient<T>, part_passed<T>, v, v);
    if (groups.channels > 0) return;
    unsigned threads = 32;
    while (threads < 256 && threads < groups.count) threads *= 2;
    launch(name, feature_gradients<T>, dim3(groups.members), dim3(threads), threads * sizeof(double), current_stream(), groups, v);
  });
}

void batch_norm(Normalized how, View x, View gamma, View beta, View shortcut, View y, View statistics) {
  normalize("batch_norm", channels_of("batch_norm", x.shape), how, x, gamma, beta, shortcut, y, statistics);
}
void batch_norm_gradient(Normalized how, View x, View gamma, View statistics, View y, View dy, View dx, View dgamma, View dbeta, View dshortcut) {
  normalize_gradient("batch_norm_gradient", channels_of("batch_norm_gradient", x.shape), how, x, gamma, statistics, y, dy, dx, dgamma, dbeta, dshortcut);
}
void layer_norm(double epsilon, View x, View gamma, View beta, View y, View statistics) {
  normalize("layer_norm", rows_of("layer_norm", x.shape), {epsilon, false}, x, gamma, beta, {}, y, statistics);
}
void layer_norm_gradient(double epsilon, View x, View gamma, View statistics, View dy, View dx, View dgamma, View dbeta) {
  normalize_gradient("layer_norm_gradient", rows_of("layer_norm_gradient", x.shape), {epsilon, false}, x, gamma, statistics, {}, dy, dx, dgamma, dbeta, {});
}

}  // namespace

void add_normalization(Backend& b) {
  b.batch_norm.run = batch_norm;
  b.batch_norm_gradient.run = batch_norm_gradient;
  b.layer_norm.run = layer_norm;
  b.layer_norm_gradient.run = layer_norm_gradient;
}

}  // namespace bonsai::cuda
