#include "nn/parameter.h"

namespace bonsai::nn {

// y = w m with w = w m already, so nothing has to be multiplied      dw = dy where m, else 0
Tensor masked(const Tensor& w, const Tensor& mask) {
  return record({"masked", {w, mask}}, w.detach(), [](const Local& at, const Tensor& dy) -> Tensors {
    return {where(at.input(1), dy, number(0, dy)), {}};
  });
}

Parameter::Parameter(std::string name, const Shape& shape, DType t) : name_(std::move(name)), leaf_(zeros(shape, t)) {
  leaf_.requires_grad(true);
}

std::int64_t Parameter::kept() const {
  if (!mask_.defined()) return numel();
  std::int64_t n = 0;
  for (std::uint8_t m : mask_.data<std::uint8_t>()) n += m;
  return n;
}

Tensor Parameter::value() const { return mask_.defined() ? masked(leaf_, mask_) : leaf_; }

void Parameter::set(const Tensor& values) {
  require(values.shape() == shape(), "parameter \"{}\": values of shape {} do not fit {}", name_, values.shape(), shape());
  NoGrad off;
  const Tensor v = cast(values, leaf_.dtype());
  copy_into(leaf_, mask_.defined() ? where(mask_, v, number(0, v)) : v);
}

void Parameter::set_mask(const Tensor& mask) {
  require(mask.shape() == shape() && mask.dtype() == DType::u8, "parameter \"{}\": mask {} {} does not fit {}; it must be u8 of that shape",
          name_, bonsai::name(mask.dtype()), mask.shape(), shape());
  for (std::uint8_t m : mask.data<std::uint8_t>()) require(m <= 1, "parameter \"{}\": mask holds {}; only 0 and 1 mean something", name_, m);
  mask_ = clone(mask);
  set(leaf_.detach());
  if (Tensor g = gradient(); g.defined()) copy_into(g, where(mask_, g.detach(), number(0, g)));
}

void Parameter::clear_mask() { mask_ = {}; }

void Parameter::to(DType t) {
  require(is_floating(t), "parameter \"{}\": cannot learn as {}; it must be f32 or f64", name_, bonsai::name(t));
  if (leaf_.dtype() == t) return;
  leaf_ = cast(leaf_.detach(), t);
  leaf_.requires_grad(true);
}

}  // namespace bonsai::nn
