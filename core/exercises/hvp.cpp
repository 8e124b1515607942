// The curvature along a direction: H v, without H.
// do it, 10 minutes. Chapter: core/README.md, "An operation is one paragraph".
//
// The loss L is one number, computed from x (n); v is (n). Return H v (n), where H is the matrix of L's
// second derivatives in x:
//
//   g = dL/dx         H v = d(g · v)/dx,   v held fixed              (Pearlmutter, 1994)
//
// Neither H nor n² numbers are needed. grad(y, {x}) returns a list of one tensor; what does grad(L, {x},
// {.create_graph = true}) return that it does not?
#include "core/derivatives.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor times_hessian(const Tensor& loss, const Tensor& x, const Tensor& v) {
  todo();
}

// ---- The cases

CASE("a parabola: L = 3 x², so H is 6") {
  const Tensor x = tensor({2.0}).requires_grad(true);
  check(times_hessian(sum(x * x * 3.0), x, tensor({1.0})), tensor({6.0}));
}

CASE("a cubic of 20 weights, beside the library's") {
  Random r = seeded();
  const Tensor x = r.normal({20}, 0, 1, DType::f64).requires_grad(true), v = r.normal({20}, 0, 1, DType::f64);
  const Tensor loss = sum(x * x * x) + sum(x) * sum(x * x);
  check(times_hessian(loss, x, v), hvp(loss, {x}, {v})[0]);
}
