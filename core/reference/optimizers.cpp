// The update rules, one weight at a time. A pruned weight (mask 0) keeps value 0 and state 0: it has no gradient, no decay and no
// momentum that could bring it back.
#include "core/reference/optimizers.h"

#include <cmath>

namespace bonsai {

// g += λ w;  v = μ v + g;  w -= η (g + μ v with Nesterov, else v).       With μ = 0 there is no velocity and v = g.
// (Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, in PyTorch's form.)
void reference_sgd(SgdConstants c, View w, View g, View velocity, View mask, View rate) {
  const double eta = *rate.as<double>();
  dispatch_floating("sgd", w.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < w.shape.numel(); ++i) {
      T& weight = w.as<T>()[i];
      if (mask.data && !mask.as<std::uint8_t>()[i]) {
        weight = 0;
        if (velocity.data) velocity.as<T>()[i] = 0;
        continue;
      }
      double gradient = g.as<T>()[i] + c.weight_decay * weight;
      if (velocity.data) {
        T& v = velocity.as<T>()[i];
        v = static_cast<T>(c.momentum * v + gradient);
        gradient = c.nesterov ? gradient + c.momentum * v : v;
      }
      weight = static_cast<T>(weight - eta * gradient);  // (sgd.1)
    }
  });
}

// m₁ = β₁ m₁ + (1-β₁) g;  m₂ = β₂ m₂ + (1-β₂) g²;  w -= η m̂₁ / (√m̂₂ + ε)  with m̂₁ = m₁/(1-β₁ᵗ), m̂₂ = m₂/(1-β₂ᵗ).
// Adam: g += λ w first. AdamW: w -= η λ w first. (Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019.)
void reference_adam(AdamConstants c, View w, View g, View m, View v, View mask, View rate, View step) {
  const double eta = *rate.as<double>(), t = static_cast<double>(*step.as<std::int64_t>());
  const double correct_m = 1 - std::pow(c.beta1, t), correct_v = 1 - std::pow(c.beta2, t);
  dispatch_floating("adam", w.dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < w.shape.numel(); ++i) {
      T &weight = w.as<T>()[i], &first = m.as<T>()[i], &second = v.as<T>()[i];
      if (mask.data && !mask.as<std::uint8_t>()[i]) {
        weight = first = second = 0;
        continue;
      }
      double gradient = g.as<T>()[i], value = weight;
      if (c.decoupled) value -= eta * c.weight_decay * value;
      else gradient += c.weight_decay * value;
      first = static_cast<T>(c.beta1 * first + (1 - c.beta1) * gradient);
      second = static_cast<T>(c.beta2 * second + (1 - c.beta2) * gradient * gradient);
      weight = static_cast<T>(value - eta * (first / correct_m) / (std::sqrt(second / correct_v) + c.epsilon));  // (adam.1)
    }
  });
}

}  // namespace bonsai
