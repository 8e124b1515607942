// The diagonal of the Hessian as the 1990 paper computed it: second derivatives handed back from layer to layer like first ones, with
// everything off the diagonal dropped at every step. For y = W x + b and z = f(y), and L the mean loss:
//
//   ∂²L/∂W_ij² = Σ ∂²L/∂y_i² x_j²                           over the examples
//   ∂²L/∂x_j²  ≈ Σ_i W_ij² ∂²L/∂y_i²                        exact only if the y_i do not interact
//   ∂²L/∂y_i²  = f'(y_i)² ∂²L/∂z_i² + f''(y_i) ∂L/∂z_i    without the last term: Levenberg and Marquardt's form, never negative
//
// At the outputs the second derivatives are the loss's own, exactly. So the last layer's diagonal is exact, the others' an estimate,
// for the price of two backward passes instead of one a weight (hessian_diagonal.h).
// Shared weights: their entries add up. LeCun, Denker and Solla, "Optimal brain damage", NIPS 1989.
#pragma once
#include "core/autograd.h"

namespace bonsai::prune {

enum class SecondOrder { full, positive };  // positive: the f'' terms dropped

// outputs (batch, k): the recorded result of a network that is a chain of linear layers and functions of single elements, read off its
// graph; loss(outputs): a mean or sum over examples that do not interact. One tensor for each of xs, of its shape. Throws, naming it, on
// an operation that the recursion does not know.
Tensors backpropagated_diagonal(const Tensor& outputs, Tensor (*loss)(const Tensor& outputs, const Tensor& targets), const Tensor& targets,
                                const Tensors& xs, SecondOrder order);

}  // namespace bonsai::prune
