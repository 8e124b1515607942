// Optimal Brain Damage: every weight by its own curvature, exactly.
// do it, 45 minutes. Chapter: prune/scores/README.md, "OBD: each weight by its own curvature".
//
// The loss L was computed from w (n), f64. Return the saliencies (n):
//
//   s_i = ½ H_ii w_i²,     H_ii = e_iᵀ H e_i
//
// with H the matrix of L's second derivatives, of which hvp(loss, {w}, {v})[0] gives H v. e_i is 1 at place i
// and 0 elsewhere.
//
// How many products does LeNet-300-100 take, with its 266,200 weights? (The paper of 1990 takes two passes,
// and is exact for one layer only.)
#include "core/derivatives.h"
#include "prune/scores/hessian_diagonal.h"
#include "prune/scores/obd.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor saliencies(const Tensor& loss, const Tensor& w) {
  todo();
}

// ---- The cases

CASE("the blackboard: H = [[1,-2,0],[-2,5,0],[0,0,1]], w = (5, 3, 4); which weight goes first?") {
  const Tensor h = tensor({1.0, -2.0, 0.0, -2.0, 5.0, 0.0, 0.0, 0.0, 1.0}, {3, 3});
  const Tensor w = tensor({5.0, 3.0, 4.0}).requires_grad(true), off = w - tensor({5.0, 3.0, 4.0});
  check(saliencies(0.5 * sum(off * reshape(matmul(h, reshape(off, {3, 1})), {3})), w), tensor({12.5, 22.5, 8.0}));
}

CASE("a tanh network of 24 weights, beside the library's") {
  Random r = seeded();
  const Tensor x = r.normal({10, 4}, 0, 1, DType::f64), y = r.normal({10, 1}, 0, 1, DType::f64);
  const Tensor w = r.normal({24}, 0, 1, DType::f64).requires_grad(true);
  const Tensor hidden = tanh(matmul(x, reshape(slice(w, 0, 0, 20), {4, 5})));
  const Tensor loss = mse(matmul(hidden, reshape(slice(w, 0, 19, 24), {5, 1})), y);
  check(saliencies(loss, w), prune::obd(w, prune::hessian_diagonal(loss, {w})));
}
