// Operations that move numbers about without changing them.
#include "core/backend.h"
#include "core/ops.h"
#include "core/tensor_body.h"

namespace bonsai {

// The same numbers in the same order, under another shape; storage is shared.     dx = dy, reshaped back
Tensor reshape(const Tensor& x, const Shape& shape) {
  require(x.numel() == shape.numel(), "reshape: {} has {} elements, {} has {}", x.shape(), x.numel(), shape, shape.numel());
  if (x.shape() == shape) return x;
  return record({"reshape", {x}}, share_storage(x, shape),
                [](const Local& at, const Tensor& dy) -> Tensors { return {reshape(dy, at.shape(0))}; });
}

Tensor flatten(const Tensor& x) {
  require(x.rank() >= 1, "flatten: needs at least one axis, got a scalar");
  const std::int64_t n = x.shape()[0];
  std::int64_t rest = 1;
  for (int i = 1; i < x.rank(); ++i) rest *= x.shape()[i];
  return reshape(x, {n, rest});
}

// y[i0, i1, ...] = x with x's axis axes[k] read by i_k          dx = dy under the inverse permutation
Tensor permute(const Tensor& x, const AxisList& which) {
  const Shape axes = which.resolved("permute", x.rank());
  require(axes.rank() == x.rank(), "permute: {} axes given for shape {}", axes.rank(), x.shape());
  std::array<int, Shape::max_rank> order{}, seen{};
  Shape shape = x.shape();
  for (int i = 0; i < x.rank(); ++i) {
    order[i] = static_cast<int>(axes[i]);
    require(seen[order[i]]++ == 0, "permute: axis {} is named twice in {}", order[i], axes);
    shape[i] = x.shape()[order[i]];
  }
  Tensor y = empty(shape, x.dtype(), x.device());
  kernels(x).copy(permuted(view(x), std::span(order.data(), x.rank())), view_for_writing(y));
  return record({"permute", {x}, Axes{axes}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const Shape& axes = at.get<Axes>().axes;
    Shape inverse = axes;
    for (int i = 0; i < axes.rank(); ++i) inverse[static_cast<int>(axes[i])] = i;
    return {permute(dy, inverse)};
  });
}

Tensor transpose(const Tensor& x, int a, int b) {
  Shape axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  std::swap(axes[normalize_axis("transpose", a, x.rank())], axes[normalize_axis("transpose", b, x.rank())]);
  return permute(x, axes);
}

// x repeated along axes of size 1                               dx = dy summed back
Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(broadcast("broadcast_to", x.shape(), shape) == shape, "broadcast_to: {} does not stretch to {}", x.shape(), shape);
  Tensor y = empty(shape, x.dtype(), x.device());
  kernels(x).copy(broadcast_view(view(x), shape), view_for_writing(y));
  return record({"broadcast_to", {x}}, y, [](const Local& at, const Tensor& dy) -> Tensors { return {sum_to(dy, at.shape(0))}; });
}

namespace {
// The part [begin, end) of one axis of a view.
View part(View v, int axis, std::int64_t begin, std::int64_t end) {
  v.data = v.as<char>() + begin * v.strides[axis] * static_cast<std::int64_t>(size_of(v.dtype));
  v.shape[axis] = end - begin;
  return v;
}
}  // namespace

// y = x[.., begin:end, ..]                                      dx = dy inside zeros
Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end) {
  axis = normalize_axis("slice", axis, x.rank());
  require(0 <= begin && begin <= end && end <= x.shape()[axis], "slice: [{}, {}) is not within axis {} of {}", begin, end, axis, x.shape());
  Shape shape = x.shape();
  shape[axis] = end - begin;
  Tensor y = empty(shape, x.dtype(), x.device());
  kernels(x).copy(part(view(x), axis, begin, end), view_for_writing(y));
  return record({"slice", {x}, Range{axis, begin, end}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const Range& r = at.get<Range>();
    return {embed(dy, r.axis, r.begin, at.shape(0)[r.axis])};
  });
}

// y = zeros with y[.., begin:begin+n, ..] = x                   dx = that part of dy
Tensor embed(const Tensor& x, int axis, std::int64_t begin, std::int64_t size) {
  axis = normalize_axis("embed", axis, x.rank());
  const std::int64_t end = begin + x.shape()[axis];
  require(0 <= begin && end <= size, "embed: {} at {} does not fit in an axis of {}", x.shape(), begin, size);
  Shape shape = x.shape();
  shape[axis] = size;
  Tensor y = zeros(shape, x.dtype(), x.device());
  kernels(x).copy(view(x), part(view_for_writing(y), axis, begin, end));
  return record({"embed", {x}, Range{axis, begin, end}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const Range& r = at.get<Range>();
    return {slice(dy, r.axis, r.begin, r.end)};
  });
}

// xs side by side along an axis                                 dx_i = its part of dy
Tensor concat(const Tensors& xs, int axis) {
  require(!xs.empty(), "concat: of no tensors");
  axis = normalize_axis("concat", axis, xs[0].rank());
  Shape shape = xs[0].shape();
  shape[axis] = 0;
  for (const Tensor& x : xs) {
    require(x.rank() == shape.rank() && x.dtype() == xs[0].dtype(), "concat: {} {} does not go with {} {}", name(x.dtype()), x.shape(),
            name(xs[0].dtype()), xs[0].shape());
    for (int i = 0; i < shape.rank(); ++i)
      require(i == axis || x.shape()[i] == xs[0].shape()[i], "concat: shapes {} and {} differ off axis {}", x.shape(), xs[0].shape(), axis);
    shape[axis] += x.shape()[axis];
  }
  Tensor y = empty(shape, xs[0].dtype(), xs[0].device());
  std::int64_t begin = 0;
  for (const Tensor& x : xs) {
    const std::int64_t end = begin + x.shape()[axis];
    kernels(x, y).copy(view(x), part(view_for_writing(y), axis, begin, end));
    begin = end;
  }
  return record({"concat", xs, Axis{axis}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const int axis = at.get<Axis>().axis;
    Tensors out;
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < at.input_count(); ++i) {
      const std::int64_t end = begin + at.shape(static_cast<int>(i))[axis];
      out.push_back(at.wants(static_cast<int>(i)) ? slice(dy, axis, begin, end) : Tensor{});
      begin = end;
    }
    return out;
  });
}

// The same numbers in another type                              dx = dy, cast back
Tensor cast(const Tensor& x, DType t) {
  if (x.dtype() == t) return x;
  Tensor y = empty(x.shape(), t, x.device());
  kernels(x).copy(view(x), view_for_writing(y));
  if (!is_floating(x.dtype()) || !is_floating(t)) return y;
  return record({"cast", {x}}, y, [](const Local& at, const Tensor& dy) -> Tensors { return {cast(dy, at.dtype(0))}; });
}

}  // namespace bonsai
