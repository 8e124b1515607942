// Products with a sparse matrix S, which is a pattern and its kept values v. Three operations whose derivatives are one another.
#include "core/sparse.h"

#include "core/ops.h"

namespace bonsai {
namespace {

void check(const char* op, const PatternRef& s, const Tensor& values) {
  require(s != nullptr, "{}: no pattern", op);
  require(values.shape() == Shape{s->kept()} && is_floating(values.dtype()), "{}: {} values {} do not fit a pattern of {} entries", op, name(values.dtype()),
          values.shape(), s->kept());
}
void check_dense(const char* op, const char* which, const Tensor& x, std::int64_t features, DType t) {
  require(x.rank() == 2 && x.shape()[0] == features && x.dtype() == t, "{}: {} is {} {}; it must be {} ({}, batch)", op, which, name(x.dtype()), x.shape(),
          name(t), features);
}

std::int64_t whole_lines(std::int64_t n, DType t) {
  const auto line = static_cast<std::int64_t>(64 / size_of(t));
  return n == 1 ? 1 : (n + line - 1) / line * line;
}

View columns(View v, std::int64_t begin, std::int64_t end) {
  v.data = v.as<char>() + begin * v.strides[1] * static_cast<std::int64_t>(size_of(v.dtype));
  v.shape[1] = end - begin;
  return v;
}

}  // namespace

// Y = Xᵀ, with zeros added         dX = dYᵀ without them
Tensor to_columns(const Tensor& x) {
  require(x.rank() == 2 && is_floating(x.dtype()), "to_columns: needs (n, features) in f32 or f64, got {} {}", name(x.dtype()), x.shape());
  const std::int64_t n = x.shape()[0], m = whole_lines(n, x.dtype());
  Tensor y = empty({x.shape()[1], m}, x.dtype(), x.device());
  const View all = view_for_writing(y);
  kernels(x).copy(transposed(view(x)), columns(all, 0, n));
  if (m > n) kernels(x).fill(columns(all, n, m), 0);
  return record({"to_columns", {x}}, y, [](const Local& at, const Tensor& dy) -> Tensors { return {to_rows(dy, at.shape(0)[0])}; });
}

// Y = Xᵀ without the columns from n on         dX = dYᵀ, and 0 for these
Tensor to_rows(const Tensor& x, std::int64_t n) {
  require(x.rank() == 2 && is_floating(x.dtype()) && x.shape()[1] == whole_lines(n, x.dtype()), "to_rows: {} {} are not the columns of {} examples", name(x.dtype()),
          x.shape(), n);
  Tensor y = empty({n, x.shape()[0]}, x.dtype(), x.device());
  kernels(x).copy(transposed(columns(view(x), 0, n)), view_for_writing(y));
  return record({"to_rows", {x}}, y, [](const Local&, const Tensor& dy) -> Tensors { return {to_columns(dy)}; });
}

// Y = S X + b          dX = Sᵀ dY        dv_k = Σ_j dY_rj X_cj        db = Σ dY over the batch
Tensor sparse_matmul(const PatternRef& s, const Tensor& values, const Tensor& x, const Tensor& bias) {
  check("sparse_matmul", s, values);
  check_dense("sparse_matmul", "x", x, s->columns, values.dtype());
  require(!bias.defined() || (bias.shape() == Shape{s->rows} && bias.dtype() == values.dtype()), "sparse_matmul: the bias must be {} ({})", name(values.dtype()), s->rows);
  Tensor y = empty({s->rows, x.shape()[1]}, x.dtype(), x.device());
  const Backend& on = kernels(values, x);
  const View b = bias.defined() ? view(bias) : View{};
  if (s->two_of_four()) on.matmul_24(by_positions(*s), view(values), view(x), b, view_for_writing(y));
  else on.sparse_matmul(by_rows(*s), view(values), view(x), b, view_for_writing(y));
  Tensors inputs{values, x};
  if (bias.defined()) inputs.push_back(bias);
  return record({"sparse_matmul", std::move(inputs), s}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const PatternRef& s = at.get<PatternRef>();
    Tensors out(at.input_count());
    if (at.wants(0)) out[0] = sampled_matmul(s, dy, at.input(1));
    if (at.wants(1)) out[1] = sparse_matmul_transposed(s, at.input(0), dy);
    if (at.input_count() == 3 && at.wants(2)) out[2] = sum(dy, {1});
    return out;
  });
}

// X = Sᵀ Y             dY = S dX         dv_k = Σ_j Y_rj dX_cj
Tensor sparse_matmul_transposed(const PatternRef& s, const Tensor& values, const Tensor& y) {
  check("sparse_matmul_transposed", s, values);
  check_dense("sparse_matmul_transposed", "y", y, s->rows, values.dtype());
  Tensor x = empty({s->columns, y.shape()[1]}, y.dtype(), y.device());
  if (s->two_of_four()) kernels(values, y).matmul_24_transposed(by_positions(*s), view(values), view(y), view_for_writing(x));
  else kernels(values, y).sparse_matmul(by_columns(*s), view(values), view(y), View{}, view_for_writing(x));
  return record({"sparse_matmul_transposed", {values, y}, s}, x, [](const Local& at, const Tensor& dx) -> Tensors {
    const PatternRef& s = at.get<PatternRef>();
    Tensors out(2);
    if (at.wants(0)) out[0] = sampled_matmul(s, at.input(1), dx);
    if (at.wants(1)) out[1] = sparse_matmul(s, at.input(0), dx);
    return out;
  });
}

// v_k = Σ_j Y_rj X_cj  dY = S(dv) X      dX = S(dv)ᵀ Y
Tensor sampled_matmul(const PatternRef& s, const Tensor& y, const Tensor& x) {
  require(s != nullptr, "sampled_matmul: no pattern");
  require(is_floating(y.dtype()), "sampled_matmul: needs f32 or f64, got {}", name(y.dtype()));
  check_dense("sampled_matmul", "y", y, s->rows, y.dtype());
  check_dense("sampled_matmul", "x", x, s->columns, y.dtype());
  require(x.shape()[1] == y.shape()[1], "sampled_matmul: y {} and x {} are of different batches", y.shape(), x.shape());
  Tensor values = empty({s->kept()}, y.dtype(), y.device());
  if (s->two_of_four()) kernels(y, x).sampled_matmul_24(by_positions(*s), view(y), view(x), view_for_writing(values));
  else kernels(y, x).sampled_matmul(by_rows(*s), view(y), view(x), view_for_writing(values));
  return record({"sampled_matmul", {y, x}, s}, values, [](const Local& at, const Tensor& dv) -> Tensors {
    const PatternRef& s = at.get<PatternRef>();
    Tensors out(2);
    if (at.wants(0)) out[0] = sparse_matmul(s, dv, at.input(1));
    if (at.wants(1)) out[1] = sparse_matmul_transposed(s, dv, at.input(0));
    return out;
  });
}

}  // namespace bonsai
