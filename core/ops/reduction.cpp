// Sums, means and extremes over axes.
#include <algorithm>

#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

// x's shape with the given axes set to 1. (Here axes are counted from the front.)
Shape reduced(const Shape& x, const Shape& axes) {
  Shape out = x;
  for (std::int64_t a : axes) out[static_cast<int>(a)] = 1;
  return out;
}

// x's shape without the given axes.
Shape squeezed(const Shape& x, const Shape& axes) {
  Shape out;
  for (int i = 0; i < x.rank(); ++i)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) out.push_back(x[i]);
  return out;
}

// The extremes of nothing do not exist.
void require_elements(const char* op, const Tensor& x, const Shape& axes) {
  for (std::int64_t a : axes) require(x.shape()[static_cast<int>(a)] > 0, "{}: over axis {} of shape {}, which is empty", op, a, x.shape());
}

Shape all_axes(const Tensor& x) {
  Shape axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}

}  // namespace

// y = Σ x over axes            dx = dy, stretched to x          (of u8 the sum is i64: masks have more than 255 ones)
Tensor sum(const Tensor& x, const AxisList& which, bool keep) {
  if (x.dtype() == DType::u8) return sum(cast(x, DType::i64), which, keep);
  const Shape axes = which.resolved("sum", x.rank());
  Tensor y = empty(reduced(x.shape(), axes), x.dtype(), x.device());
  kernels(x).sum(view(x), view_for_writing(y));
  y = record({"sum", {x}, Axes{axes}}, y,
             [](const Local& at, const Tensor& dy) -> Tensors { return {broadcast_to(dy, at.shape(0))}; });
  return keep ? y : reshape(y, squeezed(x.shape(), axes));
}
Tensor sum(const Tensor& x) { return sum(x, all_axes(x)); }

// y = Σ x / n over axes        (composed)
Tensor mean(const Tensor& x, const AxisList& axes, bool keep) {
  const std::int64_t kept = reduced(x.shape(), axes.resolved("mean", x.rank())).numel();
  require(is_floating(x.dtype()), "mean: needs f32 or f64, got {}; cast it first", name(x.dtype()));
  require(x.numel() > 0, "mean: of no elements, shape {}", x.shape());
  return sum(x, axes, keep) * (static_cast<double>(kept) / static_cast<double>(x.numel()));
}
Tensor mean(const Tensor& x) { return mean(x, all_axes(x)); }

// y = max x over axes          dx = dy / (number of maxima) at each maximum, else 0
Tensor max(const Tensor& x, const AxisList& which, bool keep) {
  const Shape axes = which.resolved("max", x.rank());
  require_elements("max", x, axes);
  Tensor y = empty(reduced(x.shape(), axes), x.dtype(), x.device());
  kernels(x).max(view(x), view_for_writing(y));
  y = record({"max", {x}, Axes{axes}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const Tensor maxima = cast(equal(at.input(0), at.output()), dy.dtype());
    return {maxima * (dy / sum(maxima, at.get<Axes>().axes, true))};
  });
  return keep ? y : reshape(y, squeezed(x.shape(), axes));
}
Tensor max(const Tensor& x) { return max(x, all_axes(x)); }

// y = min x = -max(-x)         (composed)
Tensor min(const Tensor& x, const AxisList& axes, bool keep) {
  require(is_floating(x.dtype()), "min: needs f32 or f64, got {}; cast it first", name(x.dtype()));
  require_elements("min", x, axes.resolved("min", x.rank()));
  return -max(-x, axes, keep);
}
Tensor min(const Tensor& x) { return min(x, all_axes(x)); }

// The index of the largest element along an axis, the lowest among equals.
Tensor argmax(const Tensor& x, int axis) {
  axis = normalize_axis("argmax", axis, x.rank());
  require(x.shape()[axis] > 0, "argmax: over axis {} of shape {}, which is empty", axis, x.shape());
  if (axis != x.rank() - 1) {  // move it to the end, which is what the kernel takes
    Shape order;
    for (int i = 0; i < x.rank(); ++i)
      if (i != axis) order.push_back(i);
    order.push_back(axis);
    return argmax(permute(x.detach(), order));
  }
  Tensor y = empty(squeezed(x.shape(), {axis}), DType::i64, x.device());
  kernels(x).argmax(view(x), view_for_writing(y));
  return y;
}

// The sum over every axis along which `shape` would have to be stretched to become x's.
Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(broadcast("sum_to", x.shape(), shape) == x.shape(), "sum_to: {} does not stretch to {}", shape, x.shape());
  const int shift = x.rank() - shape.rank();
  Shape axes;
  for (int i = 0; i < x.rank(); ++i)
    if (i < shift || shape[i - shift] != x.shape()[i]) axes.push_back(i);
  return reshape(sum(x, axes, true), shape);
}

}  // namespace bonsai
