// Softmax and the losses. These are fused: a kernel computes the value, and another the first derivative, in one pass over each
// row. When the derivative itself is to be differentiated, it is written in operations instead; a test holds the two equal.
#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

Tensor rows(const char* op, const Kernel<View, View> Backend::*kernel, const Tensor& x) {
  require(x.rank() >= 1 && is_floating(x.dtype()), "{}: needs an f32 or f64 tensor with at least one axis, got {} {}", op, name(x.dtype()), x.shape());
  Tensor y = empty_like(x);
  (kernels(x).*kernel)(view(x), view_for_writing(y));
  return y;
}

Tensor rows_gradient(const Kernel<View, View, View> Backend::*kernel, const Tensor& y, const Tensor& dy) {
  Tensor dx = empty_like(y);
  (kernels(y, dy).*kernel)(view(y), view(dy), view_for_writing(dx));
  return dx;
}

}  // namespace

// y_i = e^(x_i) / Σ_j e^(x_j)                 dx = y (dy - Σ dy y)
Tensor softmax(const Tensor& x) {
  return record({"softmax", {x}}, rows("softmax", &Backend::softmax, x), [](const Local& at, const Tensor& dy) -> Tensors {
    const Tensor y = at.output();
    if (!gradients_enabled()) return {rows_gradient(&Backend::softmax_gradient, y, dy)};
    return {y * (dy - sum(dy * y, {-1}, true))};
  });
}

// y_i = x_i - log Σ_j e^(x_j)                 dx = dy - e^y Σ dy
Tensor log_softmax(const Tensor& x) {
  return record({"log_softmax", {x}}, rows("log_softmax", &Backend::log_softmax, x), [](const Local& at, const Tensor& dy) -> Tensors {
    const Tensor y = at.output();
    if (!gradients_enabled()) return {rows_gradient(&Backend::log_softmax_gradient, y, dy)};
    return {dy - exp(y) * sum(dy, {-1}, true)};
  });
}

// loss_i = -log softmax(x_i)[label_i]         dx_i = dloss_i (softmax(x_i) - one_hot(label_i))
Tensor cross_entropy_each(const Tensor& x, const Tensor& labels) {
  require(x.rank() == 2 && is_floating(x.dtype()), "cross_entropy: logits must be (n, classes) in f32 or f64, got {} {}", name(x.dtype()), x.shape());
  require(labels.dtype() == DType::i64 && labels.shape() == Shape{x.shape()[0]}, "cross_entropy: labels must be i64 ({}), got {} {}",
          x.shape()[0], name(labels.dtype()), labels.shape());
  if (labels.device() == Device::cpu)
    for (std::int64_t l : labels.data<std::int64_t>())
      require(l >= 0 && l < x.shape()[1], "cross_entropy: label {} is not one of {} classes", l, x.shape()[1]);
  Tensor loss = empty({x.shape()[0]}, x.dtype(), x.device());
  kernels(x, labels).cross_entropy(view(x), view(labels), view_for_writing(loss));
  return record({"cross_entropy", {x, labels}}, loss, [](const Local& at, const Tensor& dloss) -> Tensors {
    const Tensor &x = at.input(0), &labels = at.input(1);
    if (!gradients_enabled()) {
      Tensor dx = empty_like(x);
      kernels(x, labels).cross_entropy_gradient(view(x), view(labels), view(dloss), view_for_writing(dx));
      return {dx, {}};
    }
    return {reshape(dloss, {x.shape()[0], 1}) * (softmax(x) - one_hot(labels, x.shape()[1], x.dtype())), {}};
  });
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) { return mean(cross_entropy_each(logits, labels)); }

// (1/n) Σ (prediction - target)²              (composed)
Tensor mse(const Tensor& prediction, const Tensor& target) {
  require(prediction.shape() == target.shape(), "mse: prediction {} and target {} differ in shape", prediction.shape(), target.shape());
  const Tensor d = prediction - target;
  return mean(d * d);
}

}  // namespace bonsai
