#include "prune/scores/obs/greedy.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "prune/scores/obs/obs.h"

namespace bonsai::prune {

Surgeon::Surgeon(const Tensor& w, const Tensor& inverse) : w_(clone(w)), inverse_(clone(inverse)), mask_(ones(w.shape(), DType::u8)), kept_(w.numel()) {
  for (std::int64_t i = 0; i < w.numel(); ++i) require(std::isfinite(w.at(i)), "obs: weight {} is {}", i, w.at(i));
}

double Surgeon::cost(std::int64_t q) const {
  require(q >= 0 && q < mask_.numel() && mask_.at(q) != 0, "obs: weight {} is not there to be deleted", q);
  const double w = w_.data<double>()[q];
  return w * w / (2 * inverse_.data<double>()[q * (w_.numel() + 1)]);
}

std::int64_t Surgeon::cheapest() const {
  require(kept_ > 0, "obs: every weight is deleted");
  const Tensor scores = obs_scores(w_, inverse_, mask_);  // +infinity where deleted
  const auto s = scores.data<double>();
  return std::min_element(s.begin(), s.end()) - s.begin();
}

void Surgeon::remove(std::int64_t q) {
  predicted_ += cost(q);
  const Tensor change = obs_change(w_, inverse_, q);
  auto w = w_.mutable_data<double>();
  for (std::int64_t i = 0; i < w_.numel(); ++i) w[i] += change.data<double>()[i];  // (deleted ones: their rows of the inverse are 0)
  forget_weight(inverse_, q);
  mask_.mutable_data<std::uint8_t>()[q] = 0;
  --kept_;
}

}  // namespace bonsai::prune
