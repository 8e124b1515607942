// The optimizers' updates, fused: one pass over weight, gradient and state. The rules are those of reference/optimizers.cpp, in
// the tensor's own type and without branches, so that they vectorise; a pruned entry is chosen away, never multiplied by 0, so
// that not even a NaN can come back from one.
#include <cmath>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"

namespace bonsai::BONSAI_ISA {
namespace {

// update(i) for all i, in tiles.
template <class F>
void for_each_tile(std::int64_t n, F f) {
  parallel_for((n + tile_elements - 1) / tile_elements,
               [&](std::int64_t tile) { f(tile * tile_elements, std::min(n, (tile + 1) * tile_elements)); });
}

template <class T, bool Masked, bool Momentum>
void sgd_update(const SgdConstants& c, T* __restrict w, const T* __restrict g, T* __restrict v, const std::uint8_t* __restrict mask,
                double rate, std::int64_t begin, std::int64_t end) {
  const T eta = static_cast<T>(rate), mu = static_cast<T>(c.momentum), decay = static_cast<T>(c.weight_decay);
  const T ahead = c.nesterov ? T(1) : T(0), look = c.nesterov ? mu : T(1);  // the step is ahead · gradient + look · velocity
  for (std::int64_t i = begin; i < end; ++i) {
    const bool keep = !Masked || mask[i];
    const T gradient = g[i] + decay * w[i];
    T step = gradient;
    if (Momentum) {
      const T velocity = mu * v[i] + gradient;
      v[i] = keep ? velocity : T(0);
      step = ahead * gradient + look * velocity;
    }
    const T value = w[i] - eta * step;
    w[i] = keep ? value : T(0);
  }
}

template <class T, bool Masked>
void adam_update(const AdamConstants& c, T* __restrict w, const T* __restrict g, T* __restrict m, T* __restrict v,
                 const std::uint8_t* __restrict mask, double rate, double step, std::int64_t begin, std::int64_t end) {
  const T beta1 = static_cast<T>(c.beta1), beta2 = static_cast<T>(c.beta2), new1 = static_cast<T>(1 - c.beta1), new2 = static_cast<T>(1 - c.beta2);
  const T eta = static_cast<T>(rate / (1 - std::pow(c.beta1, step)));
  const T scale = static_cast<T>(1 / std::sqrt(1 - std::pow(c.beta2, step))), epsilon = static_cast<T>(c.epsilon);
  const T shrink = static_cast<T>(c.decoupled ? 1 - rate * c.weight_decay : 1), decay = static_cast<T>(c.decoupled ? 0 : c.weight_decay);
  for (std::int64_t i = begin; i < end; ++i) {
    const bool keep = !Masked || mask[i];
    const T gradient = g[i] + decay * w[i];
    const T first = beta1 * m[i] + new1 * gradient, second = beta2 * v[i] + new2 * (gradient * gradient);
    const T value = shrink * w[i] - eta * first / (std::sqrt(second) * scale + epsilon);
    m[i] = keep ? first : T(0);
    v[i] = keep ? second : T(0);
    w[i] = keep ? value : T(0);
  }
}

}  // namespace

void sgd(SgdConstants c, View w, View g, View velocity, View mask, View rate) {
  on_real(w.dtype, [&]<class T>() {
    auto update = velocity.data ? (mask.data ? sgd_update<T, true, true> : sgd_update<T, false, true>)
                                : (mask.data ? sgd_update<T, true, false> : sgd_update<T, false, false>);
    for_each_tile(w.shape.numel(), [&](std::int64_t begin, std::int64_t end) {
      update(c, w.as<T>(), g.as<T>(), velocity.as<T>(), mask.as<std::uint8_t>(), *rate.as<double>(), begin, end);
    });
  });
}

void adam(AdamConstants c, View w, View g, View m, View v, View mask, View rate, View step) {
  on_real(w.dtype, [&]<class T>() {
    auto update = mask.data ? adam_update<T, true> : adam_update<T, false>;
    for_each_tile(w.shape.numel(), [&](std::int64_t begin, std::int64_t end) {
      update(c, w.as<T>(), g.as<T>(), m.as<T>(), v.as<T>(), mask.as<std::uint8_t>(), *rate.as<double>(),
             static_cast<double>(*step.as<std::int64_t>()), begin, end);
    });
  });
}

}  // namespace bonsai::BONSAI_ISA
