// Reading the recorded graph: which places in which tensors hold the same channel.
//
// Every place along every axis of every tensor carries a label. A parameter begins with labels of its own; an operation says which labels
// of its operands are one and the same, and which its result has:
//
//   y = x wᵀ + b      columns of x ~ columns of w;      rows of w ~ entries of b = columns of y
//   y = a + b         place by place, a ~ b = y         (a residual sum ties the channels of its two sides)
//   reshape           (n, c, h, w) -> (n, c h w): h w places in a row take their channel's label; back, they become one
//
// What has the same label in the end can only go together. A place that cannot go at all (a class of the output, a feature of the input, whatever a
// LayerNorm averages over) is fixed, with the reason. Nothing here knows a network or a layer.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/ops.h"

namespace bonsai::prune {

using Label = int;
inline constexpr Label no_channel = -1;              // of positions and of examples
using AxisLabels = std::vector<std::vector<Label>>;  // one list an axis; an empty list is no_channel throughout

class Trace;
// What an operation does with labels: given its node and its result y, ties those of its inputs and returns y's.
using Rule = AxisLabels (*)(Trace& t, const Tensor& y);

// Makes an operation known: `declare_operation("swish", elementwise)`. An operation without a rule is refused by name.
void declare_operation(const std::string& op, Rule rule);
// For operations that work on each number by itself, of one operand or of several that stretch to a common shape.
AxisLabels elementwise(Trace& t, const Tensor& y);

// A product that sums over a channel axis: an activation read through a weight.
struct Reading {
  Tensor y;             // the product
  Tensor x;             // what is read
  int axis;             // of x, the one summed over
  Tensor weight, bias;  // the leaves below the operands; undefined where that is no leaf
  int weight_axis;      // of the weight, the one summed over
};

// Indices that come in a leaf, and the tensor along whose axis they point.
struct Pointing {
  Tensor indices, at;
  int axis;
};

class Trace {
 public:
  explicit Trace(const Tensor& outputs);
  void begin(const Tensor& leaf, AxisLabels labels);  // before the walk: what the leaves are. Whatever is not begun with is a constant
  void walk();                                        // through all that `outputs` was made of; they themselves are fixed
  AxisLabels fresh(const Shape& shape);

  // For rules.
  const AxisLabels& of(const Tensor& t);
  void tie(const std::vector<Label>& a, const std::vector<Label>& b, const char* why);
  void tie(Label a, Label b, const char* why);
  void fix(const std::vector<Label>& all, const char* why);
  void fix(Label a, const char* why);
  void reads(Reading r) { readings_.push_back(std::move(r)); }
  void points(Pointing p) { pointings_.push_back(std::move(p)); }

  // After the walk.
  Label root(Label a);
  const char* why_fixed(Label a);  // null: it can go
  const std::vector<Reading>& readings() const { return readings_; }
  const std::vector<Pointing>& pointings() const { return pointings_; }
  bool knows(const Tensor& t) const { return labels_.contains(t.body()); }
  bool met(const Tensor& t) const { return met_.contains(t.body()); }  // do the outputs depend on it?

 private:
  Tensor outputs_;
  std::map<const TensorBody*, AxisLabels> labels_;
  std::set<const TensorBody*> met_;
  std::vector<Label> parent_;
  std::vector<const char*> fixed_;
  std::vector<Reading> readings_;
  std::vector<Pointing> pointings_;
};

// The leaf below masks and casts.
Tensor leaf_below(Tensor x);

}  // namespace bonsai::prune
