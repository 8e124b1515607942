// Picking by number, and its transpose, adding back by number. Each is the other's derivative.
#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

void check_indices(const char* op, const Tensor& indices, int rank, std::int64_t size) {
  require(indices.dtype() == DType::i64 && indices.rank() == rank, "{}: indices must be i64 with {} axes, got {} {}", op, rank,
          name(indices.dtype()), indices.shape());
  if (indices.device() != Device::cpu) return;  // there the kernel checks
  for (std::int64_t i : indices.data<std::int64_t>()) require(i >= 0 && i < size, "{}: index {} is not within 0..{}", op, i, size - 1);
}

}  // namespace

// y[.., i, ..] = x[.., indices[i], ..]                          dx = index_add(dy, indices)
Tensor index_select(const Tensor& x, const Tensor& indices, int axis) {
  axis = normalize_axis("index_select", axis, x.rank());
  check_indices("index_select", indices, 1, x.shape()[axis]);
  Shape shape = x.shape();
  shape[axis] = indices.numel();
  Tensor y = empty(shape, x.dtype(), x.device());
  kernels(x, indices).index_select(view(x), view(indices), axis, view_for_writing(y));
  return record({"index_select", {x, indices}, Axis{axis}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const int axis = at.get<Axis>().axis;
    return {index_add(dy, at.input(1), axis, at.shape(0)[axis]), {}};
  });
}

// y = zeros; y[.., indices[i], ..] += x[.., i, ..]              dx = index_select(dy, indices)
Tensor index_add(const Tensor& x, const Tensor& indices, int axis, std::int64_t size) {
  axis = normalize_axis("index_add", axis, x.rank());
  check_indices("index_add", indices, 1, size);
  require(indices.numel() == x.shape()[axis], "index_add: {} indices for axis {} of {}", indices.numel(), axis, x.shape());
  Shape shape = x.shape();
  shape[axis] = size;
  Tensor y = zeros(shape, x.dtype(), x.device());
  kernels(x, indices).index_add(view(x), view(indices), axis, view_for_writing(y));
  return record({"index_add", {x, indices}, Axis{axis}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    return {index_select(dy, at.input(1), at.get<Axis>().axis), {}};
  });
}

// y[i, j] = x[i, indices[i, j]]                                 dx = scatter_add(dy, indices)
Tensor gather(const Tensor& x, const Tensor& indices) {
  require(x.rank() == 2, "gather: x must be (n, c), got {}", x.shape());
  check_indices("gather", indices, 2, x.shape()[1]);
  require(indices.shape()[0] == x.shape()[0], "gather: {} rows of indices for {} rows", indices.shape()[0], x.shape()[0]);
  Tensor y = empty(indices.shape(), x.dtype(), x.device());
  kernels(x, indices).gather(view(x), view(indices), view_for_writing(y));
  return record({"gather", {x, indices}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    return {scatter_add(dy, at.input(1), at.shape(0)[1]), {}};
  });
}

// y = zeros; y[i, indices[i, j]] += x[i, j]                     dx = gather(dy, indices)
Tensor scatter_add(const Tensor& x, const Tensor& indices, std::int64_t columns) {
  check_indices("scatter_add", indices, 2, columns);
  require(x.shape() == indices.shape(), "scatter_add: x {} and indices {} differ", x.shape(), indices.shape());
  Tensor y = zeros({x.shape()[0], columns}, x.dtype(), x.device());
  kernels(x, indices).scatter_add(view(x), view(indices), view_for_writing(y));
  return record({"scatter_add", {x, indices}}, y,
                [](const Local& at, const Tensor& dy) -> Tensors { return {gather(dy, at.input(1)), {}}; });
}

Tensor one_hot(const Tensor& labels, std::int64_t classes, DType t) {
  check_indices("one_hot", labels, 1, classes);
  const Shape column{labels.numel(), 1};
  return scatter_add(ones(column, t, labels.device()), reshape(labels, column), classes);
}

}  // namespace bonsai
