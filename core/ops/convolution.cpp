// Convolution, its input gradient and its weight gradient: three operations, each the derivative of the others. All three run over the same
// products x_i w_j, of which each belongs to one y_k; only which of the three is summed for differs.
#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

bool same_real(const Tensor& a, const Tensor& b) { return a.dtype() == b.dtype() && is_floating(a.dtype()); }

// The shape of conv2d's output; throws, with all sizes, where x (n, c, h, w) and weight (o, c / groups, kh, kw) don't fit.
Shape convolved(const char* op, const Shape& x, const Shape& weight, const Window& w) {
  require(x.rank() == 4 && weight.rank() == 4, "{}: input {} and weight {}; they must be (n, in, h, w) and (out, in / groups, kh, kw)", op, x, weight);
  require(w.stride >= 1 && w.dilation >= 1 && w.padding >= 0 && w.groups >= 1, "{}: stride {}, dilation {}, groups {} must be 1 or more, padding {} 0 or more", op,
          w.stride, w.dilation, w.groups, w.padding);
  constexpr std::int64_t most = std::int64_t{1} << 31;
  require(w.stride < most && w.dilation < most && w.padding < most, "{}: stride {}, dilation {} or padding {} is beyond any picture", op, w.stride, w.dilation, w.padding);
  require(x[1] % w.groups == 0 && weight[0] % w.groups == 0, "{}: {} groups do not divide {} inputs and {} outputs of weight {}", op, w.groups, x[1], weight[0], weight);
  require(weight[1] * w.groups == x[1], "{}: input {} does not fit weight {} in {} group{}; it must have {} channels", op, x, weight, w.groups, w.groups == 1 ? "" : "s",
          weight[1] * w.groups);
  require(weight[2] >= 1 && weight[3] >= 1, "{}: weight {} has a kernel without entries", op, weight);
  const Shape y{x[0], weight[0], positions(x[2], weight[2], w.stride, w.padding, w.dilation), positions(x[3], weight[3], w.stride, w.padding, w.dilation)};
  require(y[2] >= 1 && y[3] >= 1, "{}: the {}x{} kernel with dilation {} is larger than the {}x{} input with padding {}", op, weight[2], weight[3], w.dilation, x[2], x[3],
          w.padding);
  return y;
}

}  // namespace

// y_nopq = Σ_cij x_n,c,(p s + i d - pad),(q s + j d - pad) w_ocij + b_o        dx: input gradient of dy; dw: weight gradient of dy; db = Σ_npq dy
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window) {
  Tensor y = empty(convolved("conv2d", x.shape(), weight.shape(), window), x.dtype(), x.device());
  require(same_real(x, weight) && (!bias.defined() || bias.dtype() == x.dtype()), "conv2d: input {}, weight {} and bias must all be f32 or all f64", name(x.dtype()),
          name(weight.dtype()));
  require(!bias.defined() || bias.shape() == Shape{weight.shape()[0]}, "conv2d: bias {} does not fit weight {}", bias.defined() ? bias.shape() : Shape{}, weight.shape());
  kernels(x, weight).conv2d(window, view(x), view(weight), bias.defined() ? view(bias) : View{}, view_for_writing(y));
  Tensors inputs{x, weight};
  if (bias.defined()) inputs.push_back(bias);
  return record({"conv2d", std::move(inputs), window}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const Window& window = at.get<Window>();
    Tensors out(at.input_count());
    if (at.wants(0)) out[0] = conv2d_input_gradient(dy, at.input(1), window, at.shape(0)[2], at.shape(0)[3]);
    if (at.wants(1)) out[1] = conv2d_weight_gradient(at.input(0), dy, window, at.shape(1)[2], at.shape(1)[3]);
    if (at.input_count() == 3 && at.wants(2)) out[2] = sum(dy, {0, 2, 3});
    return out;
  });
}

// x = the sum over y of the same products        dy = conv2d of dx        dw: weight gradient of (dx, y)
Tensor conv2d_input_gradient(const Tensor& dy, const Tensor& weight, const Window& window, std::int64_t height, std::int64_t width) {
  const char* op = "conv2d_input_gradient";
  require(dy.rank() == 4 && weight.rank() == 4 && height >= 0 && width >= 0, "{}: gradient {}, weight {} for {}x{}; both must have four axes", op, dy.shape(), weight.shape(),
          height, width);
  const Shape x{dy.shape()[0], weight.shape()[1] * window.groups, height, width}, y = convolved(op, x, weight.shape(), window);
  require(y == dy.shape() && same_real(dy, weight), "{}: gradient {} {} is not of the convolution of {} with {} {}, which is {}", op, name(dy.dtype()), dy.shape(), x,
          name(weight.dtype()), weight.shape(), y);
  Tensor dx = empty(x, dy.dtype(), dy.device());
  kernels(dy, weight).conv2d_input_gradient(window, view(dy), view(weight), view_for_writing(dx));
  return record({op, {dy, weight}, Onto<Window>{window, height, width}}, dx, [](const Local& at, const Tensor& dx) -> Tensors {
    const Window& window = at.get<Onto<Window>>().window;
    Tensors out(2);
    if (at.wants(0)) out[0] = conv2d(dx, at.input(1), {}, window);
    if (at.wants(1)) out[1] = conv2d_weight_gradient(dx, at.input(0), window, at.shape(1)[2], at.shape(1)[3]);
    return out;
  });
}

// w = the sum over y of the same products        dx: input gradient of (y, dw)        dy = conv2d of (x, dw)
Tensor conv2d_weight_gradient(const Tensor& x, const Tensor& dy, const Window& window, std::int64_t height, std::int64_t width) {
  const char* op = "conv2d_weight_gradient";
  require(x.rank() == 4 && dy.rank() == 4 && window.groups >= 1 && x.shape()[1] % window.groups == 0, "{}: input {}, gradient {}, {} groups do not fit each other", op,
          x.shape(), dy.shape(), window.groups);
  const Shape w{dy.shape()[1], x.shape()[1] / window.groups, height, width}, y = convolved(op, x.shape(), w, window);
  require(y == dy.shape() && same_real(x, dy), "{}: gradient {} {} is not of the convolution of {} {} with {}, which is {}", op, name(dy.dtype()), dy.shape(),
          name(x.dtype()), x.shape(), w, y);
  Tensor dw = empty(w, x.dtype(), x.device());
  kernels(x, dy).conv2d_weight_gradient(window, view(x), view(dy), view_for_writing(dw));
  return record({op, {x, dy}, Onto<Window>{window, height, width}}, dw, [](const Local& at, const Tensor& dw) -> Tensors {
    const Window& window = at.get<Onto<Window>>().window;
    Tensors out(2);
    if (at.wants(0)) out[0] = conv2d_input_gradient(at.input(1), dw, window, at.shape(0)[2], at.shape(0)[3]);
    if (at.wants(1)) out[1] = conv2d(at.input(0), dw, {}, window);
    return out;
  });
}

}  // namespace bonsai
