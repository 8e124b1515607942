#include "core/derivatives.h"

#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

std::int64_t total_size(const Tensors& xs) {
  std::int64_t n = 0;
  for (const Tensor& x : xs) n += x.numel();
  return n;
}

// An (rows, columns) matrix, or an Error that says how large it would have been.
Tensor big_matrix(const char* op, std::int64_t rows, std::int64_t columns, const Tensor& like) {
  if (like.device() == Device::cpu)
    require_memory(fmt::format("{}: a {} x {} matrix of {}", op, rows, columns, name(like.dtype())),
                   static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(size_of(like.dtype())),
                   "take fewer parameters at a time, or products with vectors (hvp)");
  return empty({rows, columns}, like.dtype(), like.device());
}

void put_row(Tensor& matrix, std::int64_t i, const Tensor& row) {
  View v = view_for_writing(matrix);
  v.data = v.as<char>() + i * v.strides[0] * static_cast<std::int64_t>(size_of(v.dtype));
  kernels(matrix, row).copy(view(row), {v.data, v.dtype, row.shape(), contiguous_strides(row.shape())});
}

void check_parameters(const char* op, const Tensors& xs) {
  require(!xs.empty(), "{}: with respect to no tensors", op);
  for (const Tensor& x : xs)
    require(x.dtype() == xs[0].dtype(), "{}: parameters of {} and {} together; bring all to one type, f64 for an exact Hessian", op, name(xs[0].dtype()), name(x.dtype()));
}

// The rows e_iᵀ J, one backward pass each.
Tensor rows_of_jacobian(const char* op, const Tensor& y, const Tensors& xs) {
  check_parameters(op, xs);
  Tensor out = big_matrix(op, y.numel(), total_size(xs), xs[0]);
  Tensor seed = zeros_like(y);
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    dispatch_floating(op, y.dtype(), [&]<class T>() {  // the i-th unit vector
      if (i > 0) seed.mutable_data<T>()[i - 1] = 0;
      seed.mutable_data<T>()[i] = 1;
    });
    put_row(out, i, join(grad(y, xs, {.seed = seed})));
  }
  return out;
}

}  // namespace

Tensor join(const Tensors& xs) {
  Tensors flat;
  for (const Tensor& x : xs) flat.push_back(reshape(x, {x.numel()}));
  return concat(flat, 0);
}

Tensors split(const Tensor& v, const Tensors& like) {
  require(v.shape() == Shape{total_size(like)}, "split: v is {}, and the tensors have {} elements together", v.shape(), total_size(like));
  Tensors out;
  std::int64_t begin = 0;
  for (const Tensor& x : like) {
    out.push_back(reshape(slice(v, 0, begin, begin + x.numel()), x.shape()));
    begin += x.numel();
  }
  return out;
}

Curvature::Curvature(const Tensor& loss, const Tensors& xs) : xs_(xs) {
  check_parameters("hessian", xs);
  NoGrad on(false);  // recorded even where the caller records nothing
  gradient_ = join(grad(loss, xs, {.create_graph = true}));
}

Tensors Curvature::times(const Tensors& vs) const {
  require(vs.size() == xs_.size(), "hvp: {} vectors for {} parameters", vs.size(), xs_.size());
  for (std::size_t i = 0; i < vs.size(); ++i)
    require(vs[i].shape() == xs_[i].shape(), "hvp: vector {} is {} and its parameter {}", i, vs[i].shape(), xs_[i].shape());
  NoGrad off;
  return grad(gradient_, xs_, {.seed = join(vs)});
}

Tensor Curvature::times(const Tensor& v) const {
  NoGrad off;
  return join(grad(gradient_, xs_, {.seed = v}));
}

Tensors hvp(const Tensor& loss, const Tensors& xs, const Tensors& vs) { return Curvature(loss, xs).times(vs); }

Tensor jacobian(const Tensor& y, const Tensors& xs) {
  NoGrad off;
  return rows_of_jacobian("jacobian", y, xs);
}

Tensor hessian(const Tensor& loss, const Tensors& xs) {
  check_parameters("hessian", xs);
  const Tensor gradient = Curvature(loss, xs).gradient();
  NoGrad off;
  return rows_of_jacobian("hessian", gradient, xs);
}

Tensor per_example_gradients(const std::function<Tensor(const Tensor& inputs, const Tensor& labels)>& loss, const Tensors& xs,
                             const Tensor& inputs, const Tensor& labels) {
  check_parameters("per_example_gradients", xs);
  require(inputs.rank() >= 1 && labels.rank() >= 1 && inputs.shape()[0] == labels.shape()[0],
          "per_example_gradients: inputs {} and labels {} do not hold the same number of examples", inputs.shape(), labels.shape());
  const std::int64_t examples = inputs.shape()[0];
  Tensor out = big_matrix("per_example_gradients", examples, total_size(xs), xs[0]);
  for (std::int64_t i = 0; i < examples; ++i) {
    const Tensors gradient = grad(loss(slice(inputs, 0, i, i + 1), slice(labels, 0, i, i + 1)), xs);
    NoGrad off;
    put_row(out, i, join(gradient));
  }
  return out;
}

}  // namespace bonsai
