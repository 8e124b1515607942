// The diagonal of the loss's Hessian, exactly: H_ii = e_iᵀ H e_i, one Hessian-vector product a weight.
//
// For a network of a few thousand weights that is seconds; for LeNet-300-100 it would be 266,200 products, and is refused. The 1990
// paper's recursion costs two backward passes and is exact only for one layer.
#pragma once
#include "core/derivatives.h"

namespace bonsai::prune {

// (n), over xs flattened end to end.
inline Tensor hessian_diagonal(const Tensor& loss, const Tensors& xs) {
  std::int64_t n = 0;
  for (const Tensor& x : xs) n += x.numel();
  constexpr std::int64_t most = 20'000;
  require(n <= most, "hessian diagonal: {} weights would take as many Hessian-vector products; the exact diagonal is for at most {}", n, most);
  const Curvature curvature(loss, xs);
  Tensor diagonal = empty({n}, xs[0].dtype()), direction = zeros({n}, xs[0].dtype());
  for (std::int64_t i = 0; i < n; ++i)
    dispatch_floating("hessian diagonal", diagonal.dtype(), [&]<class T>() {
      direction.mutable_data<T>()[i] = 1;
      diagonal.mutable_data<T>()[i] = curvature.times(direction).data<T>()[i];  // (obd.2)
      direction.mutable_data<T>()[i] = 0;
    });
  return diagonal;
}

}  // namespace bonsai::prune
