// Rows of the table of operations: one element at a time. The shapes hold the sizes 0, 1, odd, a tile (16384) and one off it, and
// for two operands every way in which one, the other or both stretch.
#include <utility>

#include "tests/core/operations.h"

namespace bonsai::check {
namespace {

const Domain any{-2, 2}, positive{0.3, 3}, off_zero{0.3, 2, true};

Row one(std::string name, Tensor (*f)(const Tensor&), Domain d = any) {
  return {std::move(name), [f](const Tensors& x) { return f(x[0]); }, {d},
          {{{}}, {{0}}, {{1}}, {{7}}, {{3, 5}}, {{2, 0, 3}}, {{1, 4, 1}}, {{16383}}, {{16384}}, {{16385}}, {{3, 16385}}}};
}

Row two(std::string name, Tensor (*f)(const Tensor&, const Tensor&), Domain a = any, Domain b = any) {
  return {std::move(name), [f](const Tensors& x) { return f(x[0], x[1]); }, {a, b},
          {{{}, {}}, {{7}, {7}}, {{}, {3}}, {{3}, {}}, {{1}, {4}}, {{3, 5}, {5}}, {{3, 5}, {3, 1}}, {{3, 1}, {1, 5}}, {{1, 5}, {3, 1}},
           {{5}, {3, 5}}, {{2, 3, 4}, {3, 1}}, {{2, 1, 3}, {1, 4, 1}}, {{3, 1}, {2, 1, 4}}, {{0}, {0}}, {{0, 3}, {1, 3}}, {{0}, {1}},
           {{2, 1}, {0}}, {{1, 1, 1}, {1}}, {{16383}, {16383}}, {{16384}, {1}}, {{16385}, {16385}}, {{}, {16385}}, {{2, 16385}, {16385}},
           {{3, 16383}, {3, 1}}, {{129, 1, 127}, {1, 3, 127}}, {{1, 16385}, {3, 1}}, {{5, 33, 7}, {33, 1}}}};
}

Row compare(std::string name, Tensor (*f)(const Tensor&, const Tensor&)) {
  Row r = two(std::move(name), f, {0, 1}, {0, 1});
  r.differentiable = false;
  return r;
}

}  // namespace

std::vector<Row> elementwise_rows() {
  std::vector<Row> rows = {
      one("neg", neg),
      one("abs", abs, off_zero),
      one("sign", sign, off_zero),
      one("exp", exp),
      one("log", log, positive),
      one("sqrt", sqrt, positive),
      one("tanh", tanh),
      one("sigmoid", sigmoid, {-6, 6}),
      one("relu", relu, off_zero),
      one("softplus", softplus, {-6, 6}),
      one("erf", erf),
      one("gelu", gelu, {-4, 4}),
      one("reciprocal", reciprocal, off_zero),
      one("square", [](const Tensor& x) { return pow(x, 2); }),
      one("cube", [](const Tensor& x) { return pow(x, 3); }),
      one("pow_minus_1_5", [](const Tensor& x) { return pow(x, -1.5); }, positive),
      one("pow_0", [](const Tensor& x) { return pow(x, 0); }),
      one("clamp", [](const Tensor& x) { return clamp(x, -0.7123, 1.1357); }),
      one("times_number", [](const Tensor& x) { return 3 - (2 * x + 1) / 4 - 1 / (x + 5); }),
      two("add", add),
      two("sub", sub),
      two("mul", mul),
      two("div", div, any, off_zero),
      two("pow", [](const Tensor& a, const Tensor& b) { return pow(a, b); }, {0.4, 2}),
      two("maximum", maximum),
      two("minimum", minimum),
      two("gate", gate, any, off_zero),
      compare("equal", [](const Tensor& a, const Tensor& b) { return equal(a, sign(b)); }),
      compare("not_equal", [](const Tensor& a, const Tensor& b) { return not_equal(sign(a), b); }),
      compare("less", less),
      compare("less_equal", less_equal),
      compare("greater", greater),
      compare("greater_equal", greater_equal),
      {"where", [](const Tensors& x) { return where(x[0], x[1], x[2]); }, {{0, 1, false, DType::u8}, any, any},
       {{{}, {}, {}}, {{7}, {7}, {7}}, {{3, 1}, {5}, {3, 5}}, {{5}, {3, 1}, {}}, {{2, 1, 3}, {4, 1}, {1}}, {{0}, {1}, {0}}, {{1}, {6}, {1}},
        {{16385}, {16385}, {}}, {{3, 1}, {16384}, {3, 16384}}, {{16383}, {2, 16383}, {1}}}},
  };
  // The operators that integers know give exact results, whatever the backend.
  for (auto& [name, f] : std::initializer_list<std::pair<const char*, Tensor (*)(const Tensor&, const Tensor&)>>{
           {"add", add}, {"sub", sub}, {"mul", mul}, {"maximum", maximum}, {"less", less}, {"equal", equal}}) {
    Row r = two(std::string(name) + "_i64", f, {-9, 9, false, DType::i64}, {-9, 9, false, DType::i64});
    r.differentiable = false;
    rows.push_back(r);
  }
  return rows;
}

}  // namespace bonsai::check
