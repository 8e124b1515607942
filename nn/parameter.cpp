#include "nn/parameter.h"

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

Parameter::Parameter(std::string name, const Shape& shape, DType t) : name_(std::move(name)), leaf_(zeros(shape, t)) {
  leaf_.requires_grad(true);
}

std::int64_t Parameter::kept() const {
  const Tensor& some = mask_.defined() ? mask_ : soft_mask_;
  if (!some.defined()) return numel();
  const std::uint8_t *a = some.data<std::uint8_t>().data(), *b = soft_mask_.defined() ? soft_mask_.data<std::uint8_t>().data() : a;
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < numel(); ++i) n += a[i] & b[i];
  return n;
}

Tensor Parameter::value() const {
  const Tensor hard = mask_.defined() ? masked(leaf_, mask_) : leaf_;
  return soft_mask_.defined() ? softly_masked(hard, soft_mask_) : hard;
}

void Parameter::set(const Tensor& values) {
  require(values.shape() == shape(), "parameter \"{}\": values of shape {} do not fit {}", name_, values.shape(), shape());
  NoGrad off;
  const Tensor v = cast(values, leaf_.dtype());
  copy_into(leaf_, mask_.defined() ? where(mask_, v, number(0, v)) : v);
}

void Parameter::check_mask(const Tensor& mask) const {
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

void Parameter::clear_mask() { mask_ = {}; }

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

void Parameter::to(DType t) {
  require(is_floating(t), "parameter \"{}\": cannot learn as {}; it must be f32 or f64", name_, bonsai::name(t));
  if (leaf_.dtype() == t) return;
  leaf_ = cast(leaf_.detach(), t);
  leaf_.requires_grad(true);
}

}  // namespace bonsai::nn
