#include "nn/layers.h"

namespace bonsai::nn {

Linear::Linear(std::int64_t in, std::int64_t out, bool bias) : weight_(add_parameter("weight", {out, in})) {
  require(in > 0 && out > 0, "Linear: sizes must be positive, got {} -> {}", in, out);
  weight_.packable(true);
  if (bias) bias_ = &add_parameter("bias", {out});
}

Tensor Linear::forward(const Tensor& x) {
  if (weight_.is_packed()) {
    require(x.rank() == 2, "linear: input {} does not fit weight {}; it must be (batch, {})", x.shape(), weight_.shape(), weight_.shape()[1]);
    return to_rows(forward_columns(to_columns(x)), x.size(0));
  }
  return linear(x, weight_.value(), bias_ ? bias_->value() : Tensor{});
}

Tensor Linear::forward_columns(const Tensor& x) {
  require(x.rank() == 2 && x.size(0) == weight_.shape()[1], "linear: input of {} features does not fit weight {}; it must have {}", x.rank() > 0 ? x.size(0) : 0,
          weight_.shape(), weight_.shape()[1]);
  const Tensor bias = bias_ ? bias_->value() : Tensor{};
  if (weight_.is_packed()) return sparse_matmul(weight_.pattern(), weight_.leaf(), x, bias);
  const Tensor y = matmul(weight_.value(), x);
  return bias_ ? y + reshape(bias, {bias.numel(), 1}) : y;
}

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
