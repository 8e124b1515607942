#include "nn/parameter.h"

#include <algorithm>

namespace bonsai::nn {

// y = w m with w = w m already, so nothing has to be multiplied      dw = dy where m, else 0
Tensor masked(const Tensor& w, const Tensor& mask) {
  return record({"masked", {w, mask}}, w.detach(), [](const Local& at, const Tensor& dy) -> Tensors {
    return {where(at.input(1), dy, number(0, dy)), {}};
  });
}

// y = w where m, else 0       dw = dy, as if there were no mask
Tensor softly_masked(const Tensor& w, const Tensor& mask) {
  return record({"softly_masked", {w, mask}}, where(mask, w.detach(), number(0, w)), [](const Local&, const Tensor& dy) -> Tensors { return {dy, {}}; });
}

Parameter::Parameter(std::string name, const Shape& shape, DType t) : name_(std::move(name)), shape_(shape) { make_leaf(zeros(shape, t)); }

void Parameter::make_leaf(const Tensor& values) {
  leaf_ = values;
  leaf_.requires_grad(true);
}

std::int64_t Parameter::kept() const {
  if (pattern_) return pattern_->kept();
  const Tensor& some = mask_.defined() ? mask_ : soft_mask_;
  if (!some.defined()) return numel();
  const std::uint8_t *a = some.data<std::uint8_t>().data(), *b = soft_mask_.defined() ? soft_mask_.data<std::uint8_t>().data() : a;
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < numel(); ++i) n += a[i] & b[i];
  return n;
}

Tensor Parameter::value() const {
  require(!pattern_, "parameter \"{}\": it is packed, and has no dense value; a layer that knows patterns uses leaf() and pattern(), others need unpack() first", name_);
  const Tensor hard = mask_.defined() ? masked(leaf_, mask_) : leaf_;
  return soft_mask_.defined() ? softly_masked(hard, soft_mask_) : hard;
}

void Parameter::set(const Tensor& values) {
  require(values.shape() == shape(), "parameter \"{}\": values of shape {} do not fit {}", name_, values.shape(), shape());
  NoGrad off;
  const Tensor v = cast(values, leaf_.dtype());
  if (pattern_) return copy_into(leaf_, bonsai::pack(v, *pattern_));
  copy_into(leaf_, mask_.defined() ? where(mask_, v, number(0, v)) : v);
}

Tensor Parameter::dense_values() const { return pattern_ ? reshape(bonsai::unpack(leaf_.detach(), *pattern_), shape_) : clone(leaf_); }
Tensor Parameter::dense_mask() const { return pattern_ ? reshape(mask_of(*pattern_), shape_) : mask_; }

void Parameter::check_mask(const Tensor& mask) const {
  require(!pattern_, "parameter \"{}\": it is packed, and its mask fixed; unpack() it first", name_);
  require(mask.shape() == shape() && mask.dtype() == DType::u8, "parameter \"{}\": mask {} {} does not fit {}; it must be u8 of that shape",
          name_, bonsai::name(mask.dtype()), mask.shape(), shape());
  for (std::uint8_t m : mask.data<std::uint8_t>()) require(m <= 1, "parameter \"{}\": mask holds {}; only 0 and 1 mean something", name_, m);
}

void Parameter::set_mask(const Tensor& mask) {
  check_mask(mask);
  mask_ = clone(mask);
  if (!stale_.defined()) stale_ = ones(shape(), DType::u8);
  std::uint8_t* stale = stale_.mutable_data<std::uint8_t>().data();
  const std::uint8_t* kept = mask_.data<std::uint8_t>().data();
  for (std::int64_t i = 0; i < numel(); ++i) stale[i] &= kept[i];
  set(leaf_.detach());
  if (Tensor g = gradient(); g.defined()) copy_into(g, where(mask_, g.detach(), number(0, g)));
}

void Parameter::clear_mask() {
  require(!pattern_, "parameter \"{}\": it is packed, and its mask fixed; unpack() it first", name_);
  mask_ = {};
}

void Parameter::pack() {
  require(shape_.rank() >= 2, "parameter \"{}\": {} has no rows and columns to pack by", name_, shape_);
  require(!soft_mask_.defined(), "parameter \"{}\": it has a soft mask, whose hidden values packing would lose", name_);
  if (pattern_) return;
  const Tensor mask = mask_.defined() ? mask_ : ones(shape_, DType::u8);
  pattern_ = pattern_of(reshape(mask, {shape_[0], numel() / std::max<std::int64_t>(1, shape_[0])}));
  make_leaf(bonsai::pack(leaf_.detach(), *pattern_));
  mask_ = {};
}

void Parameter::unpack() {
  if (!pattern_) return;
  mask_ = dense_mask();
  const Tensor values = dense_values();
  pattern_ = nullptr;
  make_leaf(values);
}

void Parameter::regrow(const Tensor& entries) {
  check_mask(entries);
  require(is_masked(), "parameter \"{}\": nothing is pruned, so nothing can grow again", name_);
  const auto open = entries.data<std::uint8_t>();
  const auto mask = mask_.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < numel(); ++i)
    require(!open[i] || !mask[i], "parameter \"{}\": entry {} is not pruned, and cannot be regrown", name_, i);
  for (std::int64_t i = 0; i < numel(); ++i) mask[i] |= open[i];  // (the value there is 0 already)
}

void Parameter::set_soft_mask(const Tensor& mask) {
  if (mask.defined()) check_mask(mask);
  soft_mask_ = mask.defined() ? clone(mask) : Tensor();
}

void Parameter::cut(int axis, const std::vector<std::int64_t>& kept) {
  axis = normalize_axis("cut", axis, shape_.rank());
  require(!kept.empty(), "parameter \"{}\": a cut of axis {} would leave nothing of {}", name_, axis, shape_);
  for (std::size_t i = 0; i < kept.size(); ++i)
    require(kept[i] >= (i == 0 ? 0 : kept[i - 1] + 1) && kept[i] < shape_[axis],
            "parameter \"{}\": a cut keeps index {} after {}; indices must rise and lie within axis {} of {}", name_, kept[i], i == 0 ? -1 : kept[i - 1], axis, shape_);
  if (static_cast<std::int64_t>(kept.size()) == shape_[axis]) return;
  const bool was_packed = is_packed();
  unpack();
  NoGrad off;
  const Tensor indices = tensor(std::span(kept), {static_cast<std::int64_t>(kept.size())});
  auto smaller = [&](Tensor& t) {
    if (t.defined()) t = index_select(t.detach(), indices, axis);
  };
  cuts_.push_back({shape_, axis, indices});
  Tensor values = leaf_;
  smaller(values);
  smaller(mask_), smaller(soft_mask_), smaller(stale_);
  shape_ = values.shape();
  make_leaf(values);
  if (was_packed) pack();
}

void Parameter::to(DType t) {
  require(is_floating(t), "parameter \"{}\": cannot learn as {}; it must be f32 or f64", name_, bonsai::name(t));
  if (leaf_.dtype() != t) make_leaf(cast(leaf_.detach(), t));
}

}  // namespace bonsai::nn
