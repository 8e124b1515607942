// Pooling: one number for size x size pixels.
#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

Shape pooled(const char* op, const Shape& x, DType t, const Pool& p) {
  require(x.rank() == 4 && is_floating(t), "{}: needs (n, channels, height, width) in f32 or f64, got {} {}", op, name(t), x);
  require(p.size >= 1 && p.size <= 15 && p.stride >= 1 && p.stride <= 1'000'000, "{}: size {} must be 1 to 15, stride {} 1 or more", op, p.size, p.stride);
  require(p.padding >= 0 && 2 * p.padding <= p.size, "{}: padding {} is more than half of size {}", op, p.padding, p.size);
  const Shape y{x[0], x[1], positions(x[2], p.size, p.stride, p.padding), positions(x[3], p.size, p.stride, p.padding)};
  require(y[2] >= 1 && y[3] >= 1, "{}: {}x{} pixels are larger than the {}x{} input with padding {}", op, p.size, p.size, x[2], x[3], p.padding);
  return y;
}

// y = x at the taps, taps (as y) being numbers of pixels in a window, and its transpose: each is the other's derivative.
Tensor pool_scatter(const Tensor& y, const Tensor& taps, const Pool& p, std::int64_t height, std::int64_t width);

Tensor pool_gather(const Tensor& x, const Tensor& taps, const Pool& p) {
  Tensor y = empty(taps.shape(), x.dtype(), x.device());
  kernels(x, taps).pool_gather(p, view(x), view(taps), view_for_writing(y));
  return record({"pool_gather", {x, taps}, p}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    return {pool_scatter(dy, at.input(1), at.get<Pool>(), at.shape(0)[2], at.shape(0)[3]), {}};
  });
}

Tensor pool_scatter(const Tensor& y, const Tensor& taps, const Pool& p, std::int64_t height, std::int64_t width) {
  Tensor x = empty({y.shape()[0], y.shape()[1], height, width}, y.dtype(), y.device());
  kernels(y, taps).pool_scatter(p, view(y), view(taps), view_for_writing(x));
  return record({"pool_scatter", {y, taps}, Onto<Pool>{p, height, width}}, x, [](const Local& at, const Tensor& dx) -> Tensors {
    return {pool_gather(dx, at.input(1), at.get<Onto<Pool>>().window), {}};
  });
}

Tensor average_pool2d_transposed(const Tensor& y, const Pool& p, std::int64_t height, std::int64_t width) {
  Tensor x = empty({y.shape()[0], y.shape()[1], height, width}, y.dtype(), y.device());
  kernels(y).average_pool2d_transposed(p, view(y), view_for_writing(x));
  return record({"average_pool2d_transposed", {y}, Onto<Pool>{p, height, width}}, x,
                [](const Local& at, const Tensor& dx) -> Tensors { return {average_pool2d(dx, at.get<Onto<Pool>>().window)}; });
}

}  // namespace

// y_pq = max over the window of x                 dx = dy at the first maximum of each window, summed where windows overlap, else 0
Tensor max_pool2d(const Tensor& x, const Pool& p) {
  const Shape shape = pooled("max_pool2d", x.shape(), x.dtype(), p);
  Tensor y = empty(shape, x.dtype(), x.device()), taps = empty(shape, DType::u8, x.device());
  kernels(x).max_pool2d(p, view(x), view_for_writing(y), view_for_writing(taps));
  return record({"max_pool2d", {x, taps}, p}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    return {pool_scatter(dy, at.input(1), at.get<Pool>(), at.shape(0)[2], at.shape(0)[3]), {}};
  });
}

// y_pq = Σ over the window of x / size²           dx = Σ dy / size² over the windows that hold it
Tensor average_pool2d(const Tensor& x, const Pool& p) {
  Tensor y = empty(pooled("average_pool2d", x.shape(), x.dtype(), p), x.dtype(), x.device());
  kernels(x).average_pool2d(p, view(x), view_for_writing(y));
  return record({"average_pool2d", {x}, p}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    return {average_pool2d_transposed(dy, at.get<Pool>(), at.shape(0)[2], at.shape(0)[3])};
  });
}

// y_c = mean of x_c over the pixels               (composed)
Tensor global_average_pool(const Tensor& x) {
  require(x.rank() == 4, "global_average_pool: needs (n, channels, height, width), got {}", x.shape());
  return mean(x, {2, 3});
}

}  // namespace bonsai
