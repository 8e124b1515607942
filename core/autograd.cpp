#include "core/autograd.h"

#include <unordered_map>

#include "core/ops.h"
#include "core/tensor_body.h"

namespace bonsai {
namespace {

thread_local bool recording = true;

// The part of the graph below y, inputs before outputs, found without recursion.
struct Order {
  PoolVector<TensorBody*> bodies;
  std::unordered_map<TensorBody*, int, std::hash<TensorBody*>, std::equal_to<>, PoolAllocator<std::pair<TensorBody* const, int>>> position;
};

Order inputs_first(TensorBody* y) {
  Order order;
  struct Frame {
    TensorBody* body;
    std::size_t next = 0;
  };
  PoolVector<Frame> stack{{y}};
  order.position[y] = -1;
  while (!stack.empty()) {
    Frame& f = stack.back();
    if (f.body->node && f.next < f.body->node->inputs.size()) {
      const Tensor& input = f.body->node->inputs[f.next++];
      if (input.requires_grad() && order.position.emplace(input.body(), -1).second) stack.push_back({input.body()});
      continue;
    }
    order.position[f.body] = static_cast<int>(order.bodies.size());
    order.bodies.push_back(f.body);
    stack.pop_back();
  }
  return order;
}

Tensors traverse(const Tensor& y, const Tensors& xs, const GradOptions& options) {
  require(y.defined() && is_floating(y.dtype()), "grad: y must be an f32 or f64 tensor");
  Tensor seed = options.seed;
  if (!seed.defined()) {
    require(y.numel() == 1, "grad: y has shape {}; give a seed of that shape, or reduce y to one number first", y.shape());
    seed = ones_like(y);
  }
  require(seed.shape() == y.shape() && seed.dtype() == y.dtype(), "grad: seed {} {} does not fit y {} {}", name(seed.dtype()),
          seed.shape(), name(y.dtype()), y.shape());

  Tensors results(xs.size());
  if (y.requires_grad()) {
    NoGrad off(!options.create_graph);
    const Order order = inputs_first(y.body());
    const int n = static_cast<int>(order.bodies.size());

    // Who lies on a path from an x? Inputs come first, so one pass is enough.
    PoolVector<char> wanted(n, 0);
    PoolVector<int> target(xs.size(), -1);
    for (std::size_t i = 0; i < xs.size(); ++i)
      if (auto it = order.position.find(xs[i].body()); it != order.position.end()) wanted[target[i] = it->second] = 1;
    auto wants = [&](const Tensor& input) {
      auto it = order.position.find(input.body());
      return it != order.position.end() && wanted[it->second];
    };
    for (int i = 0; i < n; ++i)
      if (const Node* node = order.bodies[i]->node; node && !wanted[i])
        for (const Tensor& input : node->inputs)
          if (wants(input)) wanted[i] = 1;

    PoolVector<Tensor> gradients(n);
    gradients[n - 1] = seed;
    for (int i = n - 1; i >= 0; --i) {
      const Tensor dy = gradients[i];
      for (std::size_t x = 0; x < xs.size(); ++x)
        if (target[x] == i) results[x] = dy;
      gradients[i] = {};
      const Node* node = order.bodies[i]->node;
      if (!dy.defined() || !node || !wanted[i]) continue;
      std::uint64_t mask = 0;
      for (std::size_t k = 0; k < node->inputs.size() && k < 64; ++k) mask |= std::uint64_t{wants(node->inputs[k])} << k;
      if (mask == 0 && node->inputs.size() <= 64) continue;  // an x itself, with nothing wanted below it
      Tensors inputs = node->derivative(Local(*node, mask), dy);
      for (std::size_t k = 0; k < node->inputs.size(); ++k) {
        const Tensor& input = node->inputs[k];
        if (!wants(input) || !inputs[k].defined()) continue;
        if (inputs[k].shape() != input.shape())
          throw std::logic_error(fmt::format("derivative of {}: gradient {} for input {} of shape {}", node->op, inputs[k].shape(), k, input.shape()));
        Tensor& slot = gradients[order.position.at(input.body())];
        slot = slot.defined() ? add(slot, inputs[k]) : inputs[k];
      }
    }
  }
  for (std::size_t i = 0; i < xs.size(); ++i)
    if (!results[i].defined()) results[i] = zeros_like(xs[i]);
  return results;
}

// Does nobody else see these numbers? (c = a + b hands the same gradient to a and b; clipping one in place must not change the other.)
bool is_sole_owner(const Tensor& t) { return t.body()->refs == 1 && t.body()->storage->refs == 1; }

void check_version(const Node& node, std::uint32_t then, std::uint32_t now, const char* which) {
  require(then == now,
          "derivative of \"{}\": its {} was overwritten after the operation (version {}, now {}); keep a clone, or compute the gradient "
          "before the write", node.op, which, then, now);
}

}  // namespace

const Tensor& Local::input(int i) const {
  check_version(node_, node_.input_versions[i], node_.inputs[i].version(), "input");
  return node_.inputs[i];
}

Tensor Local::output() const {
  Tensor out{Ref<TensorBody>(node_.output)};
  check_version(node_, node_.output_version, out.version(), "output");
  return out;
}

Tensor record(Operation o, Tensor value, Derivative derivative) {
  if (!recording) return value;
  bool needed = false;
  for (const Tensor& t : o.inputs) needed |= t.requires_grad();
  if (!needed) return value;
  Node* node = new (pool_allocate(sizeof(Node))) Node{o.op, std::move(o.inputs), o.attributes, derivative, {}, value.version(), value.body()};
  node->input_versions.reserve(node->inputs.size());
  for (const Tensor& t : node->inputs) node->input_versions.push_back(t.version());
  value.body()->node = node;
  return value;
}

bool gradients_enabled() { return recording; }
NoGrad::NoGrad(bool off) : previous_(recording) { recording = !off; }
NoGrad::~NoGrad() { recording = previous_; }

Tensors grad(const Tensor& y, const Tensors& xs, GradOptions options) {
  for (const Tensor& x : xs) require(x.requires_grad(), "grad: an x of shape {} was not marked with requires_grad(true)", x.shape());
  return traverse(y, xs, options);
}

void backward(const Tensor& y, GradOptions options) {
  require(y.requires_grad(), "backward: nothing here requires a gradient; mark the parameters with requires_grad(true)");
  Tensors leaves;
  for (TensorBody* b : inputs_first(y.body()).bodies)
    if (b->leaf_requires_grad) leaves.push_back(Tensor{Ref<TensorBody>(b)});
  const Tensors gradients = traverse(y, leaves, options);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    Tensor& slot = leaves[i].body()->grad;
    NoGrad off(!options.create_graph);
    if (slot.defined()) slot = add(slot, gradients[i]);
    else slot = options.create_graph || is_sole_owner(gradients[i]) ? gradients[i] : clone(gradients[i]);
  }
}

}  // namespace bonsai
