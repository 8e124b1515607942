// Random numbers, the CPU's own function of key and counter (core/random.h); and the optimizers' steps, fused: a thread a weight.
#include <cmath>

#include "core/random.h"
#include "cuda/backend/each.h"

namespace bonsai::cuda {
namespace {

template <class T>
void uniform_as(std::uint64_t key, std::uint64_t counter, T* out, std::int64_t n) {
  each("uniform", n, [=] BONSAI_DEVICE(std::int64_t i) { out[i] = static_cast<T>(uniform_at(key, counter, static_cast<std::uint64_t>(i))); });
}
void uniform(std::uint64_t key, std::uint64_t counter, View out) {
  dispatch_floating("uniform", out.dtype, [&]<class T>() { uniform_as(key, counter, out.as<T>(), out.shape.numel()); });
}

template <class T>
void normal_as(std::uint64_t key, std::uint64_t counter, T* out, std::int64_t n) {
  each("normal", n, [=] BONSAI_DEVICE(std::int64_t i) { out[i] = static_cast<T>(normal_at(key, counter, static_cast<std::uint64_t>(i))); });
}
void normal(std::uint64_t key, std::uint64_t counter, View out) {
  dispatch_floating("normal", out.dtype, [&]<class T>() { normal_as(key, counter, out.as<T>(), out.shape.numel()); });
}

// The formulas: core/reference/optimizers.cpp. A pruned weight keeps value 0 and state 0. The rate and the step come from memory, so that a recorded step can be
// played again.
template <class T>
void sgd_as(SgdConstants c, T* w, const T* g, T* velocity, const std::uint8_t* mask, const double* rate, std::int64_t n) {
  each("sgd", n, [=] BONSAI_DEVICE(std::int64_t i) {
    if (mask && !mask[i]) {
      w[i] = 0;
      if (velocity) velocity[i] = 0;
      return;
    }
    double gradient = static_cast<double>(g[i]) + c.weight_decay * static_cast<double>(w[i]);
    if (velocity) {
      velocity[i] = static_cast<T>(c.momentum * static_cast<double>(velocity[i]) + gradient);
      gradient = c.nesterov ? gradient + c.momentum * static_cast<double>(velocity[i]) : static_cast<double>(velocity[i]);
    }
    w[i] = static_cast<T>(static_cast<double>(w[i]) - *rate * gradient);
  });
}
void sgd(SgdConstants c, View w, View g, View velocity, View mask, View rate) {
  dispatch_floating("sgd", w.dtype, [&]<class T>() { sgd_as(c, w.as<T>(), g.as<T>(), velocity.as<T>(), mask.as<std::uint8_t>(), rate.as<double>(), w.shape.numel()); });
}

// 1 - β^t is the same for all weights, and a power in double precision is a hundred instructions: a block's first thread works both out for the others, and a block takes
// 2048 weights. Bytes a weight: w, m, v read and written, g read, 28 in f32, and a mask's byte.
constexpr int adam_threads = 256, adam_weights = 2048;
template <class T>
__global__ void adam_kernel(AdamConstants c, T* w, const T* g, T* m, T* v, const std::uint8_t* mask, const double* rate, const std::int64_t* step, std::int64_t n) {
  double* correct = shared<double>();
  if (threadIdx.x == 0) correct[0] = 1 - pow(c.beta1, static_cast<double>(*step)), correct[1] = 1 - pow(c.beta2, static_cast<double>(*step));
  __syncthreads();
  const double correct_m = correct[0], correct_v = correct[1];
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * adam_weights, end = first + adam_weights < n ? first + adam_weights : n;
  for (std::int64_t i = first + threadIdx.x; i < end; i += adam_threads) {
    if (mask && !mask[i]) {
      w[i] = m[i] = v[i] = 0;
      continue;
    }
    double gradient = static_cast<double>(g[i]), value = static_cast<double>(w[i]);
    if (c.decoupled) value -= *rate * c.weight_decay * value;
    else gradient += c.weight_decay * value;
    const T new_m = static_cast<T>(c.beta1 * static_cast<double>(m[i]) + (1 - c.beta1) * gradient);
    const T new_v = static_cast<T>(c.beta2 * static_cast<double>(v[i]) + (1 - c.beta2) * gradient * gradient);
    m[i] = new_m, v[i] = new_v;
    w[i] = static_cast<T>(value - *rate * (static_cast<double>(new_m) / correct_m) / (sqrt(static_cast<double>(new_v) / correct_v) + c.epsilon));
  }
}
void adam(AdamConstants c, View w, View g, View m, View v, View mask, View rate, View step) {
  dispatch_floating("adam", w.dtype, [&]<class T>() {
    const std::int64_t n = w.shape.numel();
    launch("adam", adam_kernel<T>, dim3(static_cast<unsigned>((n + adam_weights - 1) / adam_weights)), dim3(adam_threads), 2 * sizeof(double), current_stream(), c, w.as<T>(), g.as<T>(), m.as<T>(),
           v.as<T>(), mask.as<std::uint8_t>(), rate.as<double>(), step.as<std::int64_t>(), n);
  });
}

}  // namespace

void add_random_and_optimizers(Backend& b) {
  b.uniform.run = uniform;
  b.normal.run = normal;
  b.sgd.run = sgd;
  b.adam.run = adam;
}

}  // namespace bonsai::cuda
