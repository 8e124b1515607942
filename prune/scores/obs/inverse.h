// The inverse of a Hessian, by Cholesky in f64, and what to do when there is none.
//
// At a minimum H is positive semidefinite; rounding, a saddle or weights that do nothing make it singular or indefinite. Then a
// multiple of the identity is added (Levenberg): H + λI, with the smallest λ of a ladder that makes the factorisation succeed. λ is
// returned, so that nobody is damped in silence.
#pragma once
#include "core/tensor.h"

namespace bonsai::prune {

struct Inverse {
  Tensor inverse;  // (n, n), symmetric
  double damping;  // λ
};

// (H + λI)⁻¹ for symmetric H (n, n) in f64. λ starts at `damping`; while H + λI is not positive definite it goes up a ladder of powers of
// ten, from 1e-12 of the mean of |diagonal|. Throws on NaN, on a Hessian that is not symmetric, and when no λ up to 1e6 times that mean helps.
// Cost n³ operations, 2 n² numbers.
Inverse damped_inverse(const Tensor& hessian, double damping = 0);

// x with A x = b for symmetric positive definite A (k, k), b (k), f64.
Tensor solve(const Tensor& a, const Tensor& b);

}  // namespace bonsai::prune
