// Autograd: the graph of operations, and derivatives that are themselves made of operations and so can be differentiated again.
//
// A Node is plain data: the operation's name, its inputs, its attributes, and its derivative, a function without captures. The
// derivative is handed a `Local`, the node seen during one traversal, and the gradient of the output, and returns one gradient
// an input, in terms of other operations. That alone makes second derivatives right, and with them exact Hessians.
#pragma once
#include <memory>
#include <variant>

#include "core/tensor.h"
#include "core/window.h"

namespace bonsai {

// ---- Attributes: what an operation was told besides its inputs. A closed list, so that a graph can be read and printed.
struct Sides {  // matmul: which sides are read transposed (nothing is copied)
  bool a = false, b = false;
};
struct Axes {  // the axes of a permutation, or of a reduction
  Shape axes;
  bool keep = false;
};
struct Axis {
  int axis = -1;
};
struct Range {  // slice: [begin, end) of one axis
  int axis;
  std::int64_t begin, end;
};
struct Bounds {
  double low, high;
};
struct Number {
  double value;
};
template <class W>
struct Onto {  // the transpose of a Window or Pool: the pictures (or kernels) that it makes are this large, which its operands don't tell
  W window;
  std::int64_t height, width;
};
struct Pattern;  // core/sparse.h
struct SparseConvolution {
  std::shared_ptr<const Pattern> pattern;
  Window window;
  Shape weight;                 // as if it were dense
  std::int64_t height, width;   // of the input
};
using Attributes = std::variant<std::monostate, Sides, Axes, Axis, Range, Bounds, Number, Window, Onto<Window>, Pool, Onto<Pool>, Normalized, SparseConvolution,
                                std::shared_ptr<const Pattern>>;

class Local;
using Derivative = Tensors (*)(const Local& at, const Tensor& dy);

struct Node {
  const char* op;
  Tensors inputs;
  Attributes attributes;
  Derivative derivative;
  PoolVector<std::uint32_t> input_versions;
  std::uint32_t output_version;
  TensorBody* output;  // the tensor that owns this node
};

// A node during one traversal. Reading an input or the output checks that it has not been overwritten since.
class Local {
 public:
  Local(const Node& node, std::uint64_t wanted) : node_(node), wanted_(wanted) {}
  const Tensor& input(int i) const;
  Tensor output() const;
  std::size_t input_count() const { return node_.inputs.size(); }
  const Shape& shape(int i) const { return node_.inputs[i].shape(); }  // shapes and types need no check
  DType dtype(int i) const { return node_.inputs[i].dtype(); }
  bool wants(int i) const { return i >= 64 || (wanted_ >> i & 1); }  // does anyone need the gradient of input i?
  template <class T>
  const T& get() const { return std::get<T>(node_.attributes); }

 private:
  const Node& node_;
  std::uint64_t wanted_;
};

// Puts `value`, the result of `op` on `inputs`, into the graph, if gradients are on and an input needs one. Returns value.
struct Operation {
  const char* op;
  Tensors inputs;
  Attributes attributes = {};
};
Tensor record(Operation o, Tensor value, Derivative derivative);

// ---- Switching recording off
bool gradients_enabled();
class NoGrad {
 public:
  explicit NoGrad(bool off = true);
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;

 private:
  bool previous_;
};

// ---- Derivatives
struct GradOptions {
  Tensor seed = {};             // dL/dy; may be left out when y has one element (then 1)
  bool create_graph = false;    // record the derivative, so that it can be differentiated again
};

// sum_i seed_i dy_i/dx for each x in xs. An x that y does not depend on gets zeros, which is its derivative.
// Results may share storage with one another or with the seed: clone what you mean to write to. (backward's leaf.grad() is its own.)
Tensors grad(const Tensor& y, const Tensors& xs, GradOptions options = {});

// grad() for every leaf that y depends on, added to leaf.grad().
void backward(const Tensor& y, GradOptions options = {});

}  // namespace bonsai
