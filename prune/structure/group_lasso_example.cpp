// By hand: three filters of two weights, (3, 4), (0.6, 0.8) and (0, 2), of lengths 5, 1 and 2.
//
// Filters, λ = 1: R = 5 + 1 + 2 = 8, and a step of η = 1 takes 1 off every length: (3, 4) keeps 4/5 of itself, (0.6, 0.8) is gone, (0, 2)
// becomes (0, 1). Weighting by size multiplies λ by √2. Channels: the columns (3, 0.6, 0) and (4, 0.8, 2), of lengths 3.06 and 4.54.
#include <doctest/doctest.h>

#include "nn/optimizers.h"
#include "prune/structure/group_lasso_training.h"

using namespace bonsai;

TEST_CASE("a proximal step takes the same off every group's length, and what is shorter is gone") {
  Tensor w = reshape(tensor({3.0, 4.0, 0.6, 0.8, 0.0, 2.0}), {3, 2});
  CHECK(prune::group_lasso(w, {prune::Groups::filters, 1}) == doctest::Approx(8));
  CHECK(prune::group_lasso(w, {prune::Groups::filters, 1, true}) == doctest::Approx(8 * std::sqrt(2.0)));
  CHECK(prune::group_lasso(w, {prune::Groups::channels, 1}) == doctest::Approx(std::sqrt(9.36) + std::sqrt(20.64)));
  prune::proximal_step(w, {prune::Groups::filters, 1}, 1);
  const std::vector<double> left{2.4, 3.2, 0, 0, 0, 1};
  for (int i = 0; i < 6; ++i) CHECK(w.at(i) == doctest::Approx(left[static_cast<std::size_t>(i)]));
  const prune::ZeroGroups zero = prune::zero_groups(w);
  CHECK(zero.filters == std::vector<std::int64_t>{1});
  CHECK(zero.channels.empty());
  CHECK(zero.mask.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 1, 0, 0, 1, 1});  // the lone 0 of the third filter stays in
}

// The loss ½ ‖w - (3, 4)‖² + ½ ‖v - (0.3, 0.4)‖² pulls the second filter to a length of 0.5, less than λ: gradient descent alone would get there,
// with the penalty it ends at 0, and the first at a length of 5 - λ = 4.
TEST_CASE("in training a filter stays at 0 while the loss pulls at it by less than lambda") {
  nn::Parameter w("w", {2, 2}, DType::f64);
  const Tensor best = reshape(tensor({3.0, 4.0, 0.3, 0.4}), {2, 2});
  nn::SGD sgd({&w});
  prune::GroupLasso lasso({{&w, {{prune::Groups::filters, 1}}}});
  for (std::int64_t t = 0; t < 300; ++t) {
    backward(0.5 * sum((w.value() - best) * (w.value() - best)));
    sgd.step(0.1);
    lasso.after_update(t, 0.1);
  }
  CHECK(w.leaf().at(0) == doctest::Approx(2.4));
  CHECK(w.leaf().at(1) == doctest::Approx(3.2));
  CHECK(w.leaf().at(2) == 0);
  CHECK(w.leaf().at(3) == 0);
  CHECK(lasso.zeros()[0].zero == 1);
}
