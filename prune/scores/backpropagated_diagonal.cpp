#include "prune/scores/backpropagated_diagonal.h"

#include <string_view>

#include "core/ops.h"

namespace bonsai::prune {
namespace {

struct Backward {
  Tensor first, second;  // ∂L/∂y and ∂²L/∂y², shaped as y
};

// The loss's own derivatives at the outputs. The examples do not interact, so one product with a column of ones gives the second
// derivatives of that column for all examples at once.
Backward at_outputs(const Tensor& outputs, Tensor (*loss)(const Tensor&, const Tensor&), const Tensor& targets) {
  require(outputs.rank() == 2, "backpropagated diagonal: the outputs must be (batch, k), got {}", outputs.shape());
  Tensor y = clone(outputs);
  y.requires_grad(true);
  NoGrad on(false);
  const Tensor gradient = grad(loss(y, targets), {y}, {.create_graph = true})[0];
  NoGrad off;
  Tensors columns;
  for (std::int64_t c = 0; c < y.size(1); ++c) {
    const Tensor direction = embed(ones({y.size(0), 1}, y.dtype()), 1, c, y.size(1));
    columns.push_back(slice(grad(gradient, {y}, {.seed = direction})[0], 1, c, c + 1));
  }
  return {gradient.detach(), concat(columns, 1)};
}

// Through x' = f(y), any operation on single elements: f' and f'' are its own derivatives.
Backward through_function(const Node& node, const Backward& b, SecondOrder order) {
  NoGrad on(false);
  const Tensor& y = node.inputs[0];
  const Tensor slope = node.derivative(Local(node, 1), ones_like(y))[0];
  NoGrad off;
  Tensor second = b.second * (slope.detach() * slope.detach());  // (obd.4)
  if (order == SecondOrder::full) second = second + b.first * grad(slope, {y}, {.seed = ones_like(y)})[0];
  return {b.first * slope.detach(), second};
}

bool is(const Node& node, std::initializer_list<std::string_view> names) {
  for (std::string_view n : names)
    if (n == node.op) return true;
  return false;
}

}  // namespace

Tensors backpropagated_diagonal(const Tensor& outputs, Tensor (*loss)(const Tensor&, const Tensor&), const Tensor& targets, const Tensors& xs,
                                SecondOrder order) {
  Tensors diagonal;
  for (const Tensor& x : xs) diagonal.push_back(zeros_like(x));
  auto add_to = [&](const Tensor& parameter, const Tensor& share) {
    const Tensor* leaf = &parameter;
    if (leaf->node() && is(*leaf->node(), {"masked", "softly_masked"})) leaf = &leaf->node()->inputs[0];
    for (std::size_t i = 0; i < xs.size(); ++i)
      if (xs[i].body() == leaf->body()) diagonal[i] = diagonal[i] + share;
  };
  Backward b = at_outputs(outputs, loss, targets);
  NoGrad off;
  for (const Node* node = outputs.node(); node; node = node->inputs[0].node()) {
    if (is(*node, {"linear"})) {
      const Tensor x = node->inputs[0].detach(), w = node->inputs[1].detach();
      add_to(node->inputs[1], matmul(b.second, x * x, {.a = true}));  // (obd.3)
      if (node->inputs.size() > 2) add_to(node->inputs[2], sum(b.second, {0}));
      b = {matmul(b.first, w), matmul(b.second, w * w)};
    } else if (is(*node, {"reshape"})) {
      b = {reshape(b.first, node->inputs[0].shape()), reshape(b.second, node->inputs[0].shape())};
    } else {
      require(is(*node, {"tanh", "sigmoid", "relu", "softplus", "erf"}),
              "backpropagated diagonal: the network has an operation \"{}\", and the recursion knows chains of linear, reshape, tanh, sigmoid, relu, softplus and erf", node->op);
      b = through_function(*node, b, order);
    }
  }
  return diagonal;
}

}  // namespace bonsai::prune
