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

template <class T>
void adam_as(AdamConstants c, T* w, const T* g, T* m, T* v, const std::uint8_t* mask, const double* rate, const std::int64_t* step, std::int64_t n) {
  each("adam", n, [=] BONSAI_DEVICE(std::int64_t i) {
    if (mask && !mask[i]) {
      w[i] = m[i] = v[i] = 0;
      return;
    }
    const double t = static_cast<double>(*step), correct_m = 1 - pow(c.beta1, t), correct_v = 1 - pow(c.beta2, t);
    double gradient = static_cast<double>(g[i]), value = static_cast<double>(w[i]);
    if (c.decoupled) value -= *rate * c.weight_decay * value;
    else gradient += c.weight_decay * value;
    m[i] = static_cast<T>(c.beta1 * static_cast<double>(m[i]) + (1 - c.beta1) * gradient);
    v[i] = static_cast<T>(c.beta2 * static_cast<double>(v[i]) + (1 - c.beta2) * gradient * gradient);
    w[i] = static_cast<T>(value - *rate * (static_cast<double>(m[i]) / correct_m) / (sqrt(static_cast<double>(v[i]) / correct_v) + c.epsilon));
  });
}
void adam(AdamConstants c, View w, View g, View m, View v, View mask, View rate, View step) {
  dispatch_floating("adam", w.dtype, [&]<class T>() {
    adam_as(c, w.as<T>(), g.as<T>(), m.as<T>(), v.as<T>(), mask.as<std::uint8_t>(), rate.as<double>(), step.as<std::int64_t>(), w.shape.numel());
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
