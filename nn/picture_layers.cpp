#include "nn/picture_layers.h"

#include "core/sparse.h"

namespace bonsai::nn {

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, const Window& window, bool bias)
    : window_(window), weight_(add_parameter("weight", {out, window.groups > 0 ? in / window.groups : 0, kernel, kernel})) {
  require(in > 0 && out > 0 && kernel > 0, "Conv2d: sizes must be positive, got {} -> {} channels with a {}x{} kernel", in, out, kernel, kernel);
  require(window.groups > 0 && in % window.groups == 0 && out % window.groups == 0, "Conv2d: {} groups do not divide {} inputs and {} outputs", window.groups, in, out);
  weight_.packable(true);
  if (window.groups > 1 && window.groups == in) outputs_of_each_ = out / in;
  if (bias) bias_ = &add_parameter("bias", {out});
}

Window Conv2d::window() const {
  Window w = window_;
  if (outputs_of_each_ > 0) w.groups = weight_.shape()[0] / outputs_of_each_;
  return w;
}

Tensor Conv2d::forward(const Tensor& x) {
  const Tensor bias = bias_ ? bias_->value() : Tensor{};
  if (weight_.is_packed()) return sparse_conv2d(weight_.pattern(), weight_.leaf(), weight_.shape(), x, bias, window());
  return conv2d(x, weight_.value(), bias, window());
}

std::string Conv2d::describe() const {
  const auto& [stride, padding, dilation, groups] = window();
  const Shape& w = weight_.shape();
  std::string out = fmt::format("Conv {} -> {}, {}x{}", w[1] * groups, w[0], w[2], w[3]);
  if (stride != 1) out += fmt::format(", stride {}", stride);
  if (padding != 0) out += fmt::format(", padding {}", padding);
  if (dilation != 1) out += fmt::format(", dilation {}", dilation);
  if (groups != 1) out += fmt::format(", {} groups", groups);
  return out + (bias_ ? "" : " without bias");
}

BatchNorm2d::BatchNorm2d(std::int64_t channels, bool relu, double momentum, double epsilon)
    : relu_(relu), momentum_(momentum), epsilon_(epsilon), gamma_(add_parameter("weight", {channels})), beta_(add_parameter("bias", {channels})),
      mean_(add_buffer("running_mean", zeros({channels}))), variance_(add_buffer("running_var", ones({channels}))) {
  require(channels > 0, "BatchNorm: needs channels, got {}", channels);
  require(momentum >= 0 && momentum <= 1 && epsilon > 0, "BatchNorm: momentum {} must be in [0, 1], epsilon {} above 0", momentum, epsilon);
  gamma_.initial(1);
}

void BatchNorm2d::reset() {
  mean_ = zeros_like(mean_);
  variance_ = ones_like(variance_);
}

// Outside the graph.
void BatchNorm2d::follow(const Tensor& statistics, std::int64_t members) {
  NoGrad off;
  const double unbiased = static_cast<double>(members) / static_cast<double>(members - 1);
  auto move = [&](Tensor& running, std::int64_t row, double scale) {
    const Tensor batch = reshape(slice(statistics, 0, row, row + 1), running.shape());
    running = cast(cast(running, DType::f64) * (1 - momentum_) + batch * (scale * momentum_), running.dtype());
  };
  move(mean_, 0, 1);
  move(variance_, 1, unbiased);  // (bn.3)
}

Tensor BatchNorm2d::forward(const Tensor& x, const Tensor& shortcut) {
  const std::int64_t channels = gamma_.numel();
  require(x.rank() >= 2 && x.size(1) == channels, "BatchNorm: input {} does not fit its {} channels", x.shape(), channels);
  if (training()) {
    const BatchNormalized n = batch_norm(x, gamma_.value(), beta_.value(), epsilon_, relu_, shortcut);
    follow(n.statistics, x.numel() / channels);
    return n.y;
  }
  Shape channel(x.shape());
  for (int a = 0; a < x.rank(); ++a) channel[a] = a == 1 ? channels : 1;
  const Tensor scale = gamma_.value() * reciprocal(sqrt(variance_ + epsilon_));  // (bn.4): y = x scale + (β - mean scale)
  Tensor y = x * reshape(scale, channel) + reshape(beta_.value() - mean_ * scale, channel);
  if (shortcut.defined()) y = y + shortcut;
  return relu_ ? relu(y) : y;
}

std::string BatchNorm2d::describe() const { return fmt::format("BatchNorm {}{}", gamma_.numel(), relu_ ? ", ReLU" : ""); }

LayerNorm::LayerNorm(std::int64_t features, double epsilon) : epsilon_(epsilon), gamma_(add_parameter("weight", {features})), beta_(add_parameter("bias", {features})) {
  require(features > 0 && epsilon > 0, "LayerNorm: {} features and epsilon {} must be above 0", features, epsilon);
  gamma_.initial(1);
}

BasicBlock::BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride, Shortcut shortcut) : stride_(stride) {
  require(stride >= 1 && out >= in, "BasicBlock: {} -> {} channels with stride {}; channels may not shrink, the stride must be 1 or more", in, out, stride);
  conv1_ = &child<Conv2d>("conv1", in, out, 3, Window{.stride = stride, .padding = 1}, false);
  bn1_ = &child<BatchNorm2d>("bn1", out, true);
  conv2_ = &child<Conv2d>("conv2", out, out, 3, Window{.padding = 1}, false);
  bn2_ = &child<BatchNorm2d>("bn2", out, true);
  if (in == out && stride == 1) return;
  if (shortcut == Shortcut::padding) {
    place_ = &add_buffer("shortcut.place", slice(arange(out), 0, (out - in) / 2, (out - in) / 2 + in));
    return;
  }
  shortcut_ = &child<Conv2d>("shortcut.conv", in, out, 1, Window{.stride = stride}, false);
  shortcut_bn_ = &child<BatchNorm2d>("shortcut.bn", out);
}

Tensor BasicBlock::past(const Tensor& x) {
  if (shortcut_) return shortcut_bn_->forward(shortcut_->forward(x));
  if (!place_) return x;
  return index_add(average_pool2d(x, {1, stride_, 0}), *place_, 1, conv2_->weight().shape()[0]);  // (the average of one pixel: every stride-th)
}

Tensor BasicBlock::forward(const Tensor& x) {
  return bn2_->forward(conv2_->forward(bn1_->forward(conv1_->forward(x))), past(x));  // (res.1): both ReLUs are in the BatchNorms
}

std::string BasicBlock::describe() const { return fmt::format("BasicBlock {} -> {}{}", conv1_->weight().shape()[1], conv2_->weight().shape()[0], stride_ == 1 ? "" : fmt::format(", stride {}", stride_)); }

}  // namespace bonsai::nn
