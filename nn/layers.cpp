#include "nn/layers.h"

namespace bonsai::nn {

Linear::Linear(std::int64_t in, std::int64_t out, bool bias) : weight_(add_parameter("weight", {out, in})) {
  require(in > 0 && out > 0, "Linear: sizes must be positive, got {} -> {}", in, out);
  if (bias) bias_ = &add_parameter("bias", {out});
}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight_.value(), bias_ ? bias_->value() : Tensor{}); }

std::string Linear::describe() const {
  return fmt::format("Linear {} -> {}{}", weight_.shape()[1], weight_.shape()[0], bias_ ? "" : " without bias");
}

Dropout::Dropout(double p, Random stream) : p_(p), stream_(stream), current_(stream) {
  require(p >= 0 && p < 1, "Dropout: the probability must be in [0, 1), got {}", p);
}

Tensor Dropout::forward(const Tensor& x) {
  if (!training() || p_ == 0) return x;
  return x * (current_.bernoulli(x.shape(), 1 - p_, x.dtype()) * (1 / (1 - p_)));
}

std::string Dropout::describe() const { return fmt::format("Dropout {}", p_); }

}  // namespace bonsai::nn
