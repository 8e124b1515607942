// OBS one weight after the other: delete the cheapest, move the others, bring the inverse up to date, and look again.
//
//   Surgeon surgeon(w, damped_inverse(hessian).inverse);
//   while (...) surgeon.remove(surgeon.cheapest());
//
// On a quadratic loss each step is exact, and what is left is the minimum over the weights that are left; on a network the Hessian
// changes as the weights move, so it may be computed again whenever that is affordable (a new Surgeon). Cost n² a deletion.
#pragma once
#include "core/tensor.h"

namespace bonsai::prune {

class Surgeon {
 public:
  // w (n) at a minimum, inverse Hessian (n, n), both f64; copied.
  Surgeon(const Tensor& w, const Tensor& inverse);

  std::int64_t cheapest() const;     // the kept weight with the lowest score; the lowest index among equals
  double cost(std::int64_t q) const; // its score, the predicted change of the loss
  void remove(std::int64_t q);
  std::int64_t kept() const { return kept_; }

  const Tensor& weights() const { return w_; }  // (n), exactly 0 where deleted
  const Tensor& mask() const { return mask_; }  // (n) u8
  double predicted() const { return predicted_; }  // the costs of all deletions so far, summed

 private:
  Tensor w_, inverse_, mask_;
  std::int64_t kept_;
  double predicted_ = 0;
};

}  // namespace bonsai::prune
