// Training to a minimum, not near it: OBD and OBS assume that the gradient is 0, and a few thousand steps of Adam leave it at 1e-3.
// Newton's method with the exact Hessian, damped as Levenberg and Marquardt did, gets to 1e-8 in some tens of steps:
//
//   (H + λI) d = -g,   w <- w + d        λ falls when the loss did as its quadratic model said, and rises when it did not
//
// H + λI must be positive definite, so that d goes downhill: where it is not, λ grows. Up to 300 weights the matrix is made and factored by
// Cholesky; beyond that d comes from conjugate gradients, which need products with H alone (Martens, "Deep learning via Hessian-free
// optimization", ICML 2010). In f64. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", SIAM 1963.
#pragma once
#include <functional>
#include <vector>

#include "nn/flat.h"

namespace bonsai::nn {

struct Minimum {
  double loss, gradient;  // the largest |entry| of the gradient
  int steps;
  bool converged;         // is the gradient below the tolerance?
};

// Moves the parameters (f64; pruned entries stay 0) to a minimum of loss(), a graph on them. Deterministic.
Minimum minimise(const std::function<Tensor()>& loss, const std::vector<Parameter*>& parameters, double tolerance = 1e-8, int most_steps = 500);

// The same from a point near a minimum, with one inverse Hessian (n, n) for all steps: a gradient and a product a step. For asking what
// many networks of a few thousand weights become after one small change each.
Minimum settle(const std::function<Tensor()>& loss, const std::vector<Parameter*>& parameters, const Tensor& inverse, double tolerance = 1e-8,
               int most_steps = 200);

}  // namespace bonsai::nn
