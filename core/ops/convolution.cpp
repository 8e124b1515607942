// Convolution, its input gradient and its weight gradient: three operations, each the derivative of the others. All three run over the same
// products x_i w_j, of which each belongs to one y_k; only which of the three is summed for differs.
#include "core/backend.h"
#include "core/ops.h"
#include "core/sparse.h"

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

// y_nopq = Σ_cij x_n,c,(p stride + i dilation - pad),(q stride + j dilation - pad) w_ocij + b_o        dx: input gradient of dy; dw: weight gradient of dy; db = Σ_npq dy
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Window& window) {
  Tensor y = empty(convolved("conv2d", x.shape(), weight.shape(), window), x.dtype(), x.device());
  require(same_real(x, weight) && (!bias.defined() || bias.dtype() == x.dtype()), "conv2d: input {}, weight {} and bias must all be f32 or all f64", name(x.dtype()),
          name(weight.dtype()));
  require(!bias.defined() || bias.shape() == Shape{weight.shape()[0]}, "conv2d: bias {} does not fit weight {}", bias.defined() ? bias.shape() : Shape{}, weight.shape());
  kernels(x, weight).conv2d(window, view(x), view(weight), bias.defined() ? view(bias) : View{}, view_for_writing(y));  // (conv.1)
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
  kernels(dy, weight).conv2d_input_gradient(window, view(dy), view(weight), view_for_writing(dx));  // (conv.2)
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
  kernels(x, dy).conv2d_weight_gradient(window, view(x), view(dy), view_for_writing(dw));  // (conv.3)
  return record({op, {x, dy}, Onto<Window>{window, height, width}}, dw, [](const Local& at, const Tensor& dw) -> Tensors {
    const Window& window = at.get<Onto<Window>>().window;
    Tensors out(2);
    if (at.wants(0)) out[0] = conv2d_input_gradient(at.input(1), dw, window, at.shape(0)[2], at.shape(0)[3]);
    if (at.wants(1)) out[1] = conv2d(at.input(0), dw, {}, window);
    return out;
  });
}

// ---- The same three with a weight in its packed form: v are w's kept entries, and only they are multiplied with or summed for.

namespace {

void check_values(const char* op, const PatternRef& s, const Tensor& values, const Shape& weight) {
  require(s != nullptr, "{}: no pattern", op);
  const std::int64_t rows = weight[0], columns = weight[1] * weight[2] * weight[3];
  require(s->rows == rows && s->columns == columns, "{}: a pattern of ({}, {}) does not fit weight {}, which has ({}, {})", op, s->rows, s->columns, weight, rows, columns);
  require(values.shape() == Shape{s->kept()}, "{}: values {} do not fit a pattern of {} entries", op, values.shape(), s->kept());
}

}  // namespace

// y = conv2d of x with w(v), + b        dx: input gradient of (v, dy)        dv: weight gradient of (x, dy)        db = Σ_npq dy
Tensor sparse_conv2d(const PatternRef& s, const Tensor& values, const Shape& weight, const Tensor& x, const Tensor& bias, const Window& window) {
  const char* op = "sparse_conv2d";
  Tensor y = empty(convolved(op, x.shape(), weight, window), x.dtype(), x.device());
  check_values(op, s, values, weight);
  require(same_real(x, values) && (!bias.defined() || (bias.dtype() == x.dtype() && bias.shape() == Shape{weight[0]})),
          "{}: input {}, values {} and bias ({}) must all be f32 or all f64", op, name(x.dtype()), name(values.dtype()), weight[0]);
  kernels(values, x).sparse_conv2d(by_rows(*s), window, weight, view(values), view(x), bias.defined() ? view(bias) : View{}, view_for_writing(y));
  Tensors inputs{values, x};
  if (bias.defined()) inputs.push_back(bias);
  return record({op, std::move(inputs), SparseConvolution{s, window, weight, x.shape()[2], x.shape()[3]}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const SparseConvolution& c = at.get<SparseConvolution>();
    Tensors out(at.input_count());
    if (at.wants(0)) out[0] = sparse_conv2d_weight_gradient(c, at.input(1), dy);
    if (at.wants(1)) out[1] = sparse_conv2d_input_gradient(c, at.input(0), dy);
    if (at.input_count() == 3 && at.wants(2)) out[2] = sum(dy, {0, 2, 3});
    return out;
  });
}

// x = the sum over y of the same products        dy = sparse_conv2d of dx        dv: weight gradient of (dx, y)
Tensor sparse_conv2d_input_gradient(const SparseConvolution& c, const Tensor& values, const Tensor& dy) {
  const char* op = "sparse_conv2d_input_gradient";
  check_values(op, c.pattern, values, c.weight);
  require(dy.rank() == 4, "{}: gradient {}; it must have four axes", op, dy.shape());
  const Shape x{dy.shape()[0], c.weight[1] * c.window.groups, c.height, c.width}, y = convolved(op, x, c.weight, c.window);
  require(y == dy.shape() && same_real(values, dy), "{}: gradient {} {} is not of the convolution of {} with {} {}, which is {}", op, name(dy.dtype()), dy.shape(), x,
          name(values.dtype()), c.weight, y);
  Tensor dx = empty(x, dy.dtype(), dy.device());
  kernels(values, dy).sparse_conv2d_input_gradient(by_columns(*c.pattern), c.window, c.weight, view(values), view(dy), view_for_writing(dx));
  return record({op, {values, dy}, c}, dx, [](const Local& at, const Tensor& dx) -> Tensors {
    const SparseConvolution& c = at.get<SparseConvolution>();
    Tensors out(2);
    if (at.wants(0)) out[0] = sparse_conv2d_weight_gradient(c, dx, at.input(1));
    if (at.wants(1)) out[1] = sparse_conv2d(c.pattern, at.input(0), c.weight, dx, {}, c.window);
    return out;
  });
}

// v = the sum over y of the same products        dx: input gradient of (dv, y)        dy = sparse_conv2d of x with dv
Tensor sparse_conv2d_weight_gradient(const SparseConvolution& c, const Tensor& x, const Tensor& dy) {
  const char* op = "sparse_conv2d_weight_gradient";
  require(c.pattern != nullptr, "{}: no pattern", op);
  const Shape y = convolved(op, x.shape(), c.weight, c.window);
  require(y == dy.shape() && same_real(x, dy), "{}: gradient {} {} is not of the convolution of {} {} with {}, which is {}", op, name(dy.dtype()), dy.shape(),
          name(x.dtype()), x.shape(), c.weight, y);
  Tensor values = empty({c.pattern->kept()}, x.dtype(), x.device());
  check_values(op, c.pattern, values, c.weight);
  kernels(x, dy).sparse_conv2d_weight_gradient(by_rows(*c.pattern), c.window, c.weight, view(x), view(dy), view_for_writing(values));
  return record({op, {x, dy}, c}, values, [](const Local& at, const Tensor& dv) -> Tensors {
    const SparseConvolution& c = at.get<SparseConvolution>();
    Tensors out(2);
    if (at.wants(0)) out[0] = sparse_conv2d_input_gradient(c, dv, at.input(1));
    if (at.wants(1)) out[1] = sparse_conv2d(c.pattern, dv, c.weight, at.input(0), {}, c.window);
    return out;
  });
}

}  // namespace bonsai
