// hint: g = grad(loss, {x}, {.create_graph = true})[0] is a tensor with a graph behind it, and sum(g * v) is one number that was made from x.
// reference: core/derivatives.cpp Tensors hvp(
#include "core/derivatives.h"

using namespace bonsai;

Tensor times_hessian(const Tensor& loss, const Tensor& x, const Tensor& v) { return hvp(loss, {x}, {v})[0]; }
