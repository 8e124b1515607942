// Operations on one element at a time. To the right of each formula stands its derivative, which the code below it repeats in
// terms of other operations; so the derivative has a derivative too.
#include <cmath>

#include "core/backend.h"
#include "core/ops.h"

namespace bonsai {
namespace {

Tensor map(Unary op, const Tensor& x) {
  require(is_floating(x.dtype()), "{}: needs f32 or f64, got {}; cast it first", name(op), name(x.dtype()));
  Tensor y = empty_like(x);
  kernels(x).unary(op, view(x), view_for_writing(y));
  return y;
}

void check_types(const char* op, const Tensor& a, const Tensor& b) {
  require(a.dtype() == b.dtype(), "{}: types {} and {} differ; cast one of them", op, name(a.dtype()), name(b.dtype()));
}

Tensor combine(Binary op, const Tensor& a, const Tensor& b) {
  check_types(name(op), a, b);
  const bool real_only = op == Binary::div || op == Binary::pow || op == Binary::gate;
  require(!real_only || is_floating(a.dtype()), "{}: needs f32 or f64, got {}; cast it first", name(op), name(a.dtype()));
  const Shape shape = broadcast(name(op), a.shape(), b.shape());
  Tensor c = empty(shape, a.dtype(), a.device());
  kernels(a, b).binary(op, broadcast_view(view(a), shape), broadcast_view(view(b), shape), view_for_writing(c));
  return c;
}

Tensor compared(Compare op, const Tensor& a, const Tensor& b) {
  check_types(name(op), a, b);
  const Shape shape = broadcast(name(op), a.shape(), b.shape());
  Tensor c = empty(shape, DType::u8, a.device());
  kernels(a, b).compare(op, broadcast_view(view(a), shape), broadcast_view(view(b), shape), view_for_writing(c));
  return c;
}

// The gradient of an operand that was stretched, computed only when someone wants it.
template <class F>
Tensor if_wanted(const Local& at, int i, F gradient) { return at.wants(i) ? sum_to(gradient(), at.shape(i)) : Tensor{}; }

}  // namespace

Tensor number(double v, const Tensor& like) {
  require(is_floating(like.dtype()) || (v == std::floor(v) && std::abs(v) < 0x1p53), "number: {} does not fit into a tensor of {}; cast it first", v,
          name(like.dtype()));
  return full({}, v, like.dtype(), like.device());
}

// y = -x                       dx = -dy
Tensor neg(const Tensor& x) {
  return record({"neg", {x}}, map(Unary::neg, x), [](const Local&, const Tensor& dy) -> Tensors { return {-dy}; });
}

// y = |x|                      dx = dy sign(x)
Tensor abs(const Tensor& x) {
  return record({"abs", {x}}, map(Unary::abs, x), [](const Local& at, const Tensor& dy) -> Tensors { return {dy * sign(at.input(0))}; });
}

// y = sign x                   dx = 0
Tensor sign(const Tensor& x) { return map(Unary::sign, x); }

// y = e^x                      dx = dy y
Tensor exp(const Tensor& x) {
  return record({"exp", {x}}, map(Unary::exp, x), [](const Local& at, const Tensor& dy) -> Tensors { return {dy * at.output()}; });
}

// y = log x                    dx = dy / x
Tensor log(const Tensor& x) {
  return record({"log", {x}}, map(Unary::log, x), [](const Local& at, const Tensor& dy) -> Tensors { return {dy / at.input(0)}; });
}

// y = √x                       dx = dy / (2y)
Tensor sqrt(const Tensor& x) {
  return record({"sqrt", {x}}, map(Unary::sqrt, x), [](const Local& at, const Tensor& dy) -> Tensors { return {0.5 * dy / at.output()}; });
}

// y = tanh x                   dx = dy (1 - y²)
Tensor tanh(const Tensor& x) {
  return record({"tanh", {x}}, map(Unary::tanh, x), [](const Local& at, const Tensor& dy) -> Tensors {
    const Tensor y = at.output();
    return {dy * (1 - y * y)};
  });
}

// y = 1 / (1 + e^-x)           dx = dy y (1 - y)
Tensor sigmoid(const Tensor& x) {
  return record({"sigmoid", {x}}, map(Unary::sigmoid, x), [](const Local& at, const Tensor& dy) -> Tensors {
    const Tensor y = at.output();
    return {dy * (y * (1 - y))};
  });
}

// y = max(x, 0)                dx = dy where y > 0, else 0
Tensor relu(const Tensor& x) {
  return record({"relu", {x}}, map(Unary::relu, x),
                [](const Local& at, const Tensor& dy) -> Tensors { return {gate(dy, at.output().detach())}; });
}

// y = log(1 + e^x)             dx = dy sigmoid(x)
Tensor softplus(const Tensor& x) {
  return record({"softplus", {x}}, map(Unary::softplus, x),
                [](const Local& at, const Tensor& dy) -> Tensors { return {dy * sigmoid(at.input(0))}; });
}

// y = erf x                    dx = dy 2/√π e^(-x²)
Tensor erf(const Tensor& x) {
  return record({"erf", {x}}, map(Unary::erf, x), [](const Local& at, const Tensor& dy) -> Tensors {
    const Tensor& x = at.input(0);
    return {dy * (exp(-(x * x)) * 1.1283791670955126)};
  });
}

// y = x/2 (1 + erf(x/√2))      (composed)
Tensor gelu(const Tensor& x) { return 0.5 * x * (1 + erf(x * 0.7071067811865476)); }

// y = 1/x                      dx = -dy y²
Tensor reciprocal(const Tensor& x) {
  return record({"reciprocal", {x}}, map(Unary::reciprocal, x), [](const Local& at, const Tensor& dy) -> Tensors {
    const Tensor y = at.output();
    return {-(dy * (y * y))};
  });
}

// c = a + b                    da = dc            db = dc           (here and below: summed over the axes that were stretched)
Tensor add(const Tensor& a, const Tensor& b) {
  return record({"add", {a, b}}, combine(Binary::add, a, b), [](const Local& at, const Tensor& dc) -> Tensors {
    return {if_wanted(at, 0, [&] { return dc; }), if_wanted(at, 1, [&] { return dc; })};
  });
}

// c = a - b                    da = dc            db = -dc
Tensor sub(const Tensor& a, const Tensor& b) {
  return record({"sub", {a, b}}, combine(Binary::sub, a, b), [](const Local& at, const Tensor& dc) -> Tensors {
    return {if_wanted(at, 0, [&] { return dc; }), if_wanted(at, 1, [&] { return -dc; })};
  });
}

// c = a b                      da = dc b          db = dc a
Tensor mul(const Tensor& a, const Tensor& b) {
  return record({"mul", {a, b}}, combine(Binary::mul, a, b), [](const Local& at, const Tensor& dc) -> Tensors {
    return {if_wanted(at, 0, [&] { return dc * at.input(1); }), if_wanted(at, 1, [&] { return dc * at.input(0); })};
  });
}

// c = a / b                    da = dc / b        db = -dc c / b
Tensor div(const Tensor& a, const Tensor& b) {
  return record({"div", {a, b}}, combine(Binary::div, a, b), [](const Local& at, const Tensor& dc) -> Tensors {
    return {if_wanted(at, 0, [&] { return dc / at.input(1); }),
            if_wanted(at, 1, [&] { return -(dc * at.output()) / at.input(1); })};
  });
}

// c = a^b                      da = dc b a^(b-1)  db = dc c log a   (where a = 0 the second is 0, the limit for b > 0)
Tensor pow(const Tensor& a, const Tensor& b) {
  return record({"pow", {a, b}}, combine(Binary::pow, a, b), [](const Local& at, const Tensor& dc) -> Tensors {
    const Tensor &a = at.input(0), &b = at.input(1);
    return {if_wanted(at, 0, [&] {
              // At 0^0 the formula would be 0 · ∞; there the power is read as a¹, which makes it 0.
              const Tensor origin = equal(abs(a.detach()) + abs(b.detach()), number(0, a));
              return dc * (b * pow(a, where(origin, ones_like(b), b - 1)));
            }), if_wanted(at, 1, [&] {
              const Tensor zero = number(0, a), safe = where(equal(a, zero), ones_like(a), a);
              return dc * (at.output() * log(safe));
            })};
  });
}

// y = x^p                      dx = dy p x^(p-1)  (0 for p = 0, also at x = 0)
Tensor pow(const Tensor& x, double p) {
  return record({"pow", {x}, Number{p}}, combine(Binary::pow, x, number(p, x)), [](const Local& at, const Tensor& dy) -> Tensors {
    const double p = at.get<Number>().value;
    if (p == 0) return {zeros_like(dy)};
    return {dy * (p * pow(at.input(0), p - 1))};
  });
}

// c = max(a, b)                da = dc where a > b, dc/2 where a = b, else 0;  db likewise
Tensor maximum(const Tensor& a, const Tensor& b) {
  return record({"maximum", {a, b}}, combine(Binary::maximum, a, b), [](const Local& at, const Tensor& dc) -> Tensors {
    const Tensor &a = at.input(0), &b = at.input(1);
    const Tensor half = 0.5 * cast(equal(a, b), dc.dtype());
    return {if_wanted(at, 0, [&] { return dc * (cast(greater(a, b), dc.dtype()) + half); }),
            if_wanted(at, 1, [&] { return dc * (cast(less(a, b), dc.dtype()) + half); })};
  });
}

// c = min(a, b) = -max(-a, -b) (composed)
Tensor minimum(const Tensor& a, const Tensor& b) { return -maximum(-a, -b); }

// c = a where b > 0, else 0    da = gate(dc, b)   db = 0
Tensor gate(const Tensor& a, const Tensor& b) {
  return record({"gate", {a, b}}, combine(Binary::gate, a, b),
                [](const Local& at, const Tensor& dc) -> Tensors { return {if_wanted(at, 0, [&] { return gate(dc, at.input(1)); }), {}}; });
}

// y = min(max(x, low), high)   dx = dy where low <= x <= high, else 0
Tensor clamp(const Tensor& x, double low, double high) {
  require(low <= high, "clamp: the low bound {} is above the high bound {}", low, high);
  const Tensor y = combine(Binary::minimum, combine(Binary::maximum, x, number(low, x)), number(high, x));
  return record({"clamp", {x}, Bounds{low, high}}, y, [](const Local& at, const Tensor& dy) -> Tensors {
    const auto [low, high] = at.get<Bounds>();
    const Tensor& x = at.input(0);
    return {dy * (cast(greater_equal(x, number(low, x)), dy.dtype()) * cast(less_equal(x, number(high, x)), dy.dtype()))};
  });
}

// c = a where condition, else b     da = dc where condition, else 0;  db the other way round
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  require(condition.dtype() == DType::u8, "where: the condition must be u8, got {}; make it with a comparison", name(condition.dtype()));
  check_types("where", a, b);
  const Shape shape = broadcast("where", condition.shape(), broadcast("where", a.shape(), b.shape()));
  Tensor c = empty(shape, a.dtype(), a.device());
  auto stretched = [&](const Tensor& t) { return broadcast_view(view(t), shape); };
  kernels(a, b).where(stretched(condition), stretched(a), stretched(b), view_for_writing(c));
  return record({"where", {condition, a, b}}, c, [](const Local& at, const Tensor& dc) -> Tensors {
    const Tensor &condition = at.input(0), zero = number(0, dc);
    return {{}, if_wanted(at, 1, [&] { return where(condition, dc, zero); }), if_wanted(at, 2, [&] { return where(condition, zero, dc); })};
  });
}

Tensor equal(const Tensor& a, const Tensor& b) { return compared(Compare::equal, a, b); }
Tensor not_equal(const Tensor& a, const Tensor& b) { return compared(Compare::not_equal, a, b); }
Tensor less(const Tensor& a, const Tensor& b) { return compared(Compare::less, a, b); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return compared(Compare::less_equal, a, b); }

}  // namespace bonsai
