// Taylor for channels: what the loss does, to first order, when a channel's activations are made 0.
//
//   s_c = mean over the examples of  | mean over the positions of dL/da_c · a_c |        higher = keep, a (n, channels, ...)
//   s_c / √(Σ_j s_j²)                                                                  of one layer: to compare channels of several
//
// Within an example what the positions say may cancel, and should: the sum is -dL/dξ_c for a gate ξ = 1 that the whole channel is multiplied
// with, at ξ_c = 1 going down. Between examples nothing may cancel (at a minimum everything would), so |·| comes first, example by example.
// It can be asked anywhere along the way, of a convolution's output, a BatchNorm's or a ReLU's. At the output γ x̂ + β of a BatchNorm in evaluation
// mode the inner sum is γ dL/dγ + β dL/dβ of that example: the score that "Taylor for BatchNorm" computes from the parameters alone.
// Assumes that making a channel 0 is a small step. The mean instead of the sum changes nothing within a layer, and the l2 norm divides it out again.
// Cost: one backward pass that keeps dL/da. Molchanov et al., "Pruning convolutional neural networks for resource efficient inference", ICLR 2017.
#pragma once
#include "prune/scores/activations.h"
#include "prune/scores/channel_norm.h"

namespace bonsai::prune {

enum class OverPositions { mean, sum };  // 1/M or 1

// Adds batch to batch, example by example: scores do not depend, to the last bit, on how a set is cut into batches. So the gradients must
// be those of the SUM of the examples' losses; from a batch's mean loss each example's would be the smaller, the larger its batch.
class ChannelTaylor {
 public:
  explicit ChannelTaylor(OverPositions over = OverPositions::mean) : over_(over) {}

  void add(const Tensor& a, const Tensor& gradient) {  // (n, channels, ...) both
    const std::int64_t before = examples_ == 0 ? -1 : static_cast<std::int64_t>(sums_.size());
    const Activations x = activations("channel Taylor", "activations", a, before), g = activations("channel Taylor", "gradients", gradient, before);
    require(a.shape() == gradient.shape(), "channel Taylor: activations {} and gradients {} must be of one shape", a.shape(), gradient.shape());
    sums_.resize(x.channels, 0);
    for (std::int64_t e = 0; e < x.n; ++e)
      for (std::int64_t c = 0; c < x.channels; ++c) {
        double product = 0;
        for (std::int64_t p = 0; p < x.positions; ++p) product += x.of(e, c)[p] * g.of(e, c)[p];
        sums_[c] += std::abs(over_ == OverPositions::mean ? product / static_cast<double>(x.positions) : product);  // (ctay.1)
      }
    examples_ += x.n;
  }

  Tensor scores() const {  // (channels) f64
    require(examples_ > 0, "channel Taylor: no example was added; call add(activations, gradients) first");
    Tensor mean = tensor(std::span<const double>(sums_), {static_cast<std::int64_t>(sums_.size())});
    for (double& s : mean.mutable_data<double>()) s /= static_cast<double>(examples_);
    return mean;
  }

 private:
  OverPositions over_;
  std::vector<double> sums_;  // a channel each
  std::int64_t examples_ = 0;
};

// Of one layer. A layer whose scores are all 0 stays as it is.
inline Tensor l2_normalized(const Tensor& scores) {
  const double length = norm(cast(abs(scores.detach()), DType::f64).to_vector<double>(), 2);
  return length > 0 ? scores / length : scores;  // (ctay.2)
}

}  // namespace bonsai::prune
