// Products.
#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

// (rows, columns) of a matrix operand as it is read.
struct Matrix {
  std::int64_t rows, columns;
};
Matrix as_read(const Tensor& x, bool transposed_side) {
  const std::int64_t r = x.size(-2), c = x.size(-1);
  return transposed_side ? Matrix{c, r} : Matrix{r, c};
}
Shape leading(const Shape& s) { return Shape(std::span(s.begin(), s.rank() - 2)); }
Shape with_matrix(Shape lead, std::int64_t rows, std::int64_t columns) {
  lead.push_back(rows);
  lead.push_back(columns);
  return lead;
}

}  // namespace

// C(m,n) = A(m,k) B(k,n)       dA = dC Bᵀ         dB = Aᵀ dC
// `t` says which sides are stored transposed; they are read that way and nothing is copied. Leading axes are batches.
Tensor matmul(const Tensor& a, const Tensor& b, Sides t) {
  require(a.rank() >= 2 && b.rank() >= 2, "matmul: needs at least two axes on both sides, got {} and {}", a.shape(), b.shape());
  require(a.dtype() == b.dtype() && is_floating(a.dtype()), "matmul: types {} and {}; both must be f32 or both f64", name(a.dtype()), name(b.dtype()));
  const Matrix ma = as_read(a, t.a), mb = as_read(b, t.b);
  require(ma.columns == mb.rows, "matmul: {}{} times {}{}: inner sizes {} and {} differ", a.shape(), t.a ? "ᵀ" : "", b.shape(),
          t.b ? "ᵀ" : "", ma.columns, mb.rows);
  const Shape batch = broadcast("matmul", leading(a.shape()), leading(b.shape()));
  Tensor c = empty(with_matrix(batch, ma.rows, mb.columns), a.dtype(), a.device());
  auto side = [&](const Tensor& x, Matrix m, bool transposed_side) {
    const View v = transposed_side ? transposed(view(x)) : view(x);
    return broadcast_view(v, with_matrix(batch, m.rows, m.columns));
  };
  kernels(a, b).matmul(side(a, ma, t.a), side(b, mb, t.b), view_for_writing(c));
  return record({"matmul", {a, b}, t}, c, [](const Local& at, const Tensor& dc) -> Tensors {
    const Sides t = at.get<Sides>();
    Tensors out(2);
    if (at.wants(0)) {  // an A that is stored as Aᵀ gets (dC Bᵀ)ᵀ = B dCᵀ; sum_to adds up what was stretched over a batch
      const Tensor& b = at.input(1);
      out[0] = sum_to(t.a ? matmul(b, dc, {t.b, true}) : matmul(dc, b, {false, !t.b}), at.shape(0));
    }
    if (at.wants(1)) {
      const Tensor& a = at.input(0);
      out[1] = sum_to(t.b ? matmul(dc, a, {true, t.a}) : matmul(a, dc, {!t.a, false}), at.shape(1));
    }
    return out;
  });
}

// Y(n,out) = X(n,in) Wᵀ + b    dX = dY W          dW = dYᵀ X        db = Σ dY over the batch
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  require(w.rank() == 2 && x.rank() == 2 && x.shape()[1] == w.shape()[1],
          "linear: input {} does not fit weight {}; it must be (batch, {})", x.shape(), w.shape(), w.rank() == 2 ? w.shape()[1] : 0);
  require(!bias.defined() || bias.shape() == Shape{w.shape()[0]}, "linear: bias {} does not fit weight {}", bias.defined() ? bias.shape() : Shape{}, w.shape());
  require(x.dtype() == w.dtype() && is_floating(x.dtype()) && (!bias.defined() || bias.dtype() == w.dtype()),
          "linear: input {}, weight {} and bias must all be f32 or all f64", name(x.dtype()), name(w.dtype()));
  Tensor y = empty({x.shape()[0], w.shape()[0]}, x.dtype(), x.device());
  kernels(x, w).linear(view(x), view(w), bias.defined() ? view(bias) : View{}, view_for_writing(y));
  Tensors inputs{x, w};
  if (bias.defined()) inputs.push_back(bias);
  return record({"linear", std::move(inputs)}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    Tensors out(at.input_count());
    if (at.wants(0)) out[0] = matmul(dy, at.input(1));
    if (at.wants(1)) out[1] = matmul(dy, at.input(0), {.a = true});
    if (at.input_count() == 3 && at.wants(2)) out[2] = sum(dy, {0});
    return out;
  });
}

}  // namespace bonsai
