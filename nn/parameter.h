// Parameter: the slot in which a layer keeps a tensor that is learned. The layer owns the slot, an optimizer refers to it and keys
// its state by the slot's name; pruning changes the slot, so that both see it.
//
// A slot has one of these forms:
//   dense    every entry is learned
//   masked   entries whose mask is 0 are pruned for good: their value is 0, they have no gradient, no decay and no optimizer state,
//            until regrow() opens them again
//   packed   the same, but only the kept entries are stored: a pattern (core/sparse.h) and the tensor of their values, which is the leaf that
//            autograd and the optimizers see. So the work, the gradient and the optimizer's state shrink with the layer
//   softly masked   entries whose mask is 0 count as 0 in the forward pass only: their values stay behind the mask, the gradient goes
//            straight through to them (dL/dw = dL/d value), and they may come back (movement pruning, SR-STE)
#pragma once
#include <string>
#include <vector>

#include "core/ops.h"
#include "core/sparse.h"

namespace bonsai::nn {

class Parameter {
 public:
  Parameter(std::string name, const Shape& shape, DType t = DType::f32);

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  const Shape& shape() const { return shape_; }  // the dense one, whatever the form
  std::int64_t numel() const { return shape_.numel(); }
  std::int64_t kept() const;       // entries that are not pruned, by either mask
  double density() const { return numel() == 0 ? 1 : static_cast<double>(kept()) / static_cast<double>(numel()); }

  // What a layer computes with. Differentiable with respect to leaf(). Not of a packed one: there a layer uses leaf() and pattern().
  Tensor value() const;
  // What autograd and the optimizers see. Pruned entries are 0; keep it so when writing to it (set() does). Packed: the values (kept).
  Tensor& leaf() { return leaf_; }
  const Tensor& leaf() const { return leaf_; }
  const Tensor& mask() const { return mask_; }  // u8 of the same shape; undefined when dense or packed
  bool is_masked() const { return mask_.defined(); }
  const PatternRef& pattern() const { return pattern_; }  // null unless packed; its columns are all axes but the first
  bool is_packed() const { return pattern_ != nullptr; }
  // The dense view, for files and for rewinding: the values in the dense shape, copied, and the mask (undefined when dense).
  Tensor dense_values() const;
  Tensor dense_mask() const;
  const Tensor& soft_mask() const { return soft_mask_; }

  // The gradient that backward() left, 0 at pruned entries; undefined if there is none.
  Tensor gradient() const { return leaf_.grad(); }

  void set(const Tensor& values);        // takes these values, except that pruned entries stay 0 (rewinding, loading)
  void set_mask(const Tensor& mask);     // u8; replaces the mask and zeroes the entries it prunes. Entries that an earlier mask
                                         // pruned come back as 0 if the new one keeps them.
  void clear_mask();
  void regrow(const Tensor& entries);    // u8: opens these pruned entries again, with value 0 and fresh optimizer state
  void set_soft_mask(const Tensor& mask);  // u8; the values stay. An undefined tensor takes it away
  void pack();                           // to the packed form and back, with the same values; the gradient is dropped. Optimizers' state
  void unpack();                         // follows by itself. Masks change in the unpacked form only
  // Only these entries stay along an axis, by their indices, rising, at least one: the tensor, its masks and optimizers' state become smaller
  // (a filter, a channel, a head that is really gone; prune/structure). The gradient is dropped.
  void cut(int axis, const std::vector<std::int64_t>& kept);
  void to(DType t);                      // values in another type; the gradient is dropped
  // Whether its layer can compute with a pattern; the layer says so. (pack() does not ask: a parameter may stand alone.)
  bool packable() const { return packable_; }
  void packable(bool on) { packable_ = on; }

  // What initialize() sets every entry of a parameter with one axis to: 0 for a bias, 1 for a normalisation's γ.
  double initial() const { return initial_; }
  void initial(double v) { initial_ = v; }

  // 0 at the entries that were pruned, and perhaps regrown, since the optimizer's last step, which finds old state there and clears it.
  // Undefined: none.
  const Tensor& stale_state() const { return stale_; }
  // What was cut since then: the optimizer cuts its state likewise, before it looks at stale_state().
  struct Cut {
    Shape before;
    int axis;
    Tensor kept;  // i64
  };
  const std::vector<Cut>& cuts() const { return cuts_; }
  void state_is_fresh() { stale_ = {}, cuts_.clear(); }

 private:
  std::string name_;
  void check_mask(const Tensor& mask) const;
  void make_leaf(const Tensor& values);
  Shape shape_;
  Tensor leaf_, mask_, soft_mask_, stale_;
  std::vector<Cut> cuts_;
  PatternRef pattern_;
  bool packable_ = false;
  double initial_ = 0;
};

// w where mask is 1; w must be 0 elsewhere. Shares w's storage; the gradient is dy where mask is 1, else 0.
Tensor masked(const Tensor& w, const Tensor& mask);
// w where mask is 1, else 0. The gradient is dy everywhere: straight through (Bengio, Léonard and Courville, 2013).
Tensor softly_masked(const Tensor& w, const Tensor& mask);

}  // namespace bonsai::nn
