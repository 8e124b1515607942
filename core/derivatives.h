// Second derivatives and their like: what OBD, OBS, GraSP and WoodFisher ask about a loss.
//
// A gradient recorded with create_graph is a function like any other, so all of these are the gradient of something. Parameters
// xs = (x_1, x_2, ...) count as one vector of n numbers: the tensors flattened, end to end, in the order given. A tensor that the
// loss does not depend on contributes zeros. Results are outside the graph.
#pragma once
#include <functional>

#include "core/autograd.h"

namespace bonsai {

Tensor join(const Tensors& xs);                        // the tensors flattened, end to end: (n); differentiable
Tensors split(const Tensor& v, const Tensors& like);   // back again: parts of v (n), shaped as `like`; differentiable

// H v = d(g·v)/dx, with g = dL/dx recorded and v held fixed (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
// vs and the result are shaped as xs. Cost: three to five times the loss, whatever n.
Tensors hvp(const Tensor& loss, const Tensors& xs, const Tensors& vs);

// The same for many vectors: the gradient is recorded once, and each product is one more backward pass through its graph.
class Curvature {
 public:
  Curvature(const Tensor& loss, const Tensors& xs);
  const Tensor& gradient() const { return gradient_; }  // g (n)
  Tensors times(const Tensors& vs) const;               // H v, shaped as xs
  Tensor times(const Tensor& v) const;                  // the same with v and the result as (n)

 private:
  Tensors xs_;
  Tensor gradient_;
};

// J_ij = dy_i / dx_j, (m, n) for a y with m elements. Cost: m backward passes. Refused, with its size, when it cannot fit in memory.
Tensor jacobian(const Tensor& y, const Tensors& xs);

// H_ij = d²L / dx_i dx_j, (n, n): exact, nothing is dropped or approximated. Cost: n products, and n² numbers.
Tensor hessian(const Tensor& loss, const Tensors& xs);

// Row i is dL_i/dx, (N, n), where L_i = loss(input i, label i), each as a batch of one; loss must be a mean or a sum over its
// batch for the rows to belong to the loss of the whole. Cost: N forward and backward passes of one example.
// Inputs (N, ...), labels (N, ...).
Tensor per_example_gradients(const std::function<Tensor(const Tensor& inputs, const Tensor& labels)>& loss, const Tensors& xs,
                             const Tensor& inputs, const Tensor& labels);

}  // namespace bonsai
