#include "nn/flat.h"

#include "core/derivatives.h"

namespace bonsai::nn {

Flat::Flat(const std::vector<Parameter*>& parameters) : parameters_(parameters) {
  std::vector<std::int64_t> places;
  for (Parameter* p : parameters) {
    leaves_.push_back(p->leaf());
    const std::uint8_t* mask = p->is_masked() ? p->mask().data<std::uint8_t>().data() : nullptr;
    for (std::int64_t i = 0; i < p->leaf().numel(); ++i)
      if (!mask || mask[i]) places.push_back(total_ + i);
    total_ += p->leaf().numel();
  }
  kept_ = tensor(std::span<const std::int64_t>(places), {static_cast<std::int64_t>(places.size())});
}

Tensor Flat::values() const {
  NoGrad off;
  return index_select(join(leaves_), kept_);
}

void Flat::set(const Tensor& values) {
  const Tensors parts = spread(values);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parameters_[i]->is_packed()) copy_into(parameters_[i]->leaf(), parts[i]);
    else parameters_[i]->set(parts[i]);
  }
}

Tensors Flat::spread(const Tensor& v) const {
  NoGrad off;
  return split(index_add(v, kept_, 0, total_), leaves_);
}

Tensor Flat::gradient(const Tensor& loss) const {
  const Tensors g = grad(loss, leaves_);
  NoGrad off;
  return index_select(join(g), kept_);
}

Tensor Flat::hessian(const Tensor& loss) const {
  const Tensor whole = bonsai::hessian(loss, leaves_);
  NoGrad off;
  return size() == total_ ? whole : index_select(index_select(whole, kept_, 0), kept_, 1);
}

std::function<Tensor(const Tensor& v)> Flat::hessian_products(const Tensor& loss) const {
  return [curvature = Curvature(loss, leaves_), kept = kept_, total = total_](const Tensor& v) {
    NoGrad off;
    return index_select(curvature.times(index_add(v, kept, 0, total)), kept);
  };
}

}  // namespace bonsai::nn
