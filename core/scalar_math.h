// The operators that act on one element at a time, each written once. `reference` calls these functions as they stand; the
// vectorised backends instantiate them inside their own loops.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

#ifdef __CUDACC__
#define BONSAI_HOST_DEVICE __host__ __device__
#else
#define BONSAI_HOST_DEVICE
#endif

namespace bonsai {

enum class Unary : std::uint8_t { neg, abs, sign, exp, log, sqrt, tanh, sigmoid, relu, softplus, erf, reciprocal };
enum class Binary : std::uint8_t { add, sub, mul, div, pow, maximum, minimum, gate };  // gate(a, b) = a where b > 0, else 0
enum class Compare : std::uint8_t { equal, not_equal, less, less_equal };

constexpr const char* name(Unary u) {
  constexpr const char* names[] = {"neg", "abs", "sign", "exp", "log", "sqrt", "tanh", "sigmoid", "relu", "softplus", "erf", "reciprocal"};
  return names[static_cast<int>(u)];
}
constexpr const char* name(Binary b) {
  constexpr const char* names[] = {"add", "sub", "mul", "div", "pow", "maximum", "minimum", "gate"};
  return names[static_cast<int>(b)];
}
constexpr const char* name(Compare c) {
  constexpr const char* names[] = {"equal", "not_equal", "less", "less_equal"};
  return names[static_cast<int>(c)];
}

template <Unary op, class T>
BONSAI_HOST_DEVICE inline T apply(T x) {
  if constexpr (op == Unary::neg) return -x;
  else if constexpr (op == Unary::abs) return x < T(0) ? -x : x == T(0) ? T(0) : x;  // |-0| = 0; NaN stays NaN
  else if constexpr (op == Unary::sign) return x > T(0) ? T(1) : x < T(0) ? T(-1) : x;
  else if constexpr (op == Unary::exp) return std::exp(x);
  else if constexpr (op == Unary::log) return std::log(x);
  else if constexpr (op == Unary::sqrt) return std::sqrt(x);
  else if constexpr (op == Unary::tanh) return std::tanh(x);
  else if constexpr (op == Unary::sigmoid) {  // exp only of negative numbers: never overflows
    const T e = std::exp(x < T(0) ? x : -x);
    return x < T(0) ? e / (T(1) + e) : T(1) / (T(1) + e);
  } else if constexpr (op == Unary::relu) return x < T(0) ? T(0) : x;  // NaN stays NaN
  else if constexpr (op == Unary::softplus) return (x > T(0) ? x : T(0)) + std::log1p(std::exp(x > T(0) ? -x : x));
  else if constexpr (op == Unary::erf) return std::erf(x);
  else return T(1) / x;
}

template <Binary op, class T>
BONSAI_HOST_DEVICE inline T apply(T a, T b) {
  if constexpr (op == Binary::add) return a + b;
  else if constexpr (op == Binary::sub) return a - b;
  else if constexpr (op == Binary::mul) return a * b;
  else if constexpr (op == Binary::div) return a / b;
  else if constexpr (op == Binary::pow) return std::pow(a, b);
  else if constexpr (op == Binary::maximum) return a > b || a != a ? a : b;  // NaN on either side wins
  else if constexpr (op == Binary::minimum) return a < b || a != a ? a : b;
  else return b > T(0) ? a : T(0);
}

template <Compare op, class T>
BONSAI_HOST_DEVICE inline bool apply(T a, T b) {
  if constexpr (op == Compare::equal) return a == b;
  else if constexpr (op == Compare::not_equal) return a != b;
  else if constexpr (op == Compare::less) return a < b;
  else return a <= b;
}

// visit(op, f) calls f<op>(): from the run-time name of an operator to its compile-time code.
template <class F>
void visit(Unary op, F&& f) {
  switch (op) {
    case Unary::neg: return f.template operator()<Unary::neg>();
    case Unary::abs: return f.template operator()<Unary::abs>();
    case Unary::sign: return f.template operator()<Unary::sign>();
    case Unary::exp: return f.template operator()<Unary::exp>();
    case Unary::log: return f.template operator()<Unary::log>();
    case Unary::sqrt: return f.template operator()<Unary::sqrt>();
    case Unary::tanh: return f.template operator()<Unary::tanh>();
    case Unary::sigmoid: return f.template operator()<Unary::sigmoid>();
    case Unary::relu: return f.template operator()<Unary::relu>();
    case Unary::softplus: return f.template operator()<Unary::softplus>();
    case Unary::erf: return f.template operator()<Unary::erf>();
    case Unary::reciprocal: return f.template operator()<Unary::reciprocal>();
  }
}
template <class F>
void visit(Binary op, F&& f) {
  switch (op) {
    case Binary::add: return f.template operator()<Binary::add>();
    case Binary::sub: return f.template operator()<Binary::sub>();
    case Binary::mul: return f.template operator()<Binary::mul>();
    case Binary::div: return f.template operator()<Binary::div>();
    case Binary::pow: return f.template operator()<Binary::pow>();
    case Binary::maximum: return f.template operator()<Binary::maximum>();
    case Binary::minimum: return f.template operator()<Binary::minimum>();
    case Binary::gate: return f.template operator()<Binary::gate>();
  }
}
template <class F>
void visit(Compare op, F&& f) {
  switch (op) {
    case Compare::equal: return f.template operator()<Compare::equal>();
    case Compare::not_equal: return f.template operator()<Compare::not_equal>();
    case Compare::less: return f.template operator()<Compare::less>();
    case Compare::less_equal: return f.template operator()<Compare::less_equal>();
  }
}

}  // namespace bonsai
