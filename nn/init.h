// Initial weights. The variance is chosen so that signals keep their size from layer to layer:
//   Glorot  2 / (fan_in + fan_out)   forward and backward alike (Glorot and Bengio, AISTATS 2010)
//   He      2 / fan_in               for ReLU, which halves it (He et al., ICCV 2015)
//   LeCun   1 / fan_in               (LeCun et al., "Efficient BackProp", 1998)
// as a normal distribution, a uniform one, or a normal one without its tails (nothing beyond two deviations: such numbers are drawn again),
// all of the same variance. Biases are 0. TensorFlow's "variance scaling", SNIP's, is LeCun's without tails.
#pragma once
#include "core/random.h"
#include "nn/module.h"

namespace bonsai::nn {

enum class Fan { glorot, he, lecun };
enum class Distribution { normal, uniform, truncated_normal };
struct Init {
  Fan fan = Fan::glorot;
  Distribution distribution = Distribution::normal;
};

// Inputs and outputs of one unit: weight (out, in, ...): fan_in = in · rest, fan_out = out · rest.
struct Fans {
  std::int64_t in, out;
};
Fans fans(const Shape& weight);
double variance(Init init, const Shape& weight);

// Draws one weight.
Tensor initial_weight(Init init, const Shape& shape, Random& stream, DType t = DType::f32);

// Draws every parameter with two or more axes, each from a stream derived from its name, and sets the others to what they start with
// (Parameter::initial: biases 0, a normalisation's γ 1), and running statistics too. Masks stay.
void initialize(Module& net, Init init, const Random& stream);

}  // namespace bonsai::nn
