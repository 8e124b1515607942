// The scores that need second derivatives: OBD's diagonal and OBS's inverse, each from two sources, and WoodFisher's blocks.
#include <cmath>

#include "core/derivatives.h"
#include "nn/flat.h"
#include "prune/methods.h"
#include "prune/scores/backpropagated_diagonal.h"
#include "prune/scores/hessian_diagonal.h"
#include "prune/scores/obd.h"
#include "prune/scores/obs/greedy.h"
#include "prune/scores/obs/inverse.h"
#include "prune/scores/obs/obs.h"
#include "prune/scores/obs/outer_products.h"
#include "prune/scores/obs/woodfisher.h"

namespace bonsai::prune::methods_by_name {
namespace {

using nn::Flat;

Scores list(const Tensors& t) { return {t.begin(), t.end()}; }

Inverse exact_inverse(const ScoreInputs& in, const Flat& v) {
  const double n = static_cast<double>(v.total());
  require_memory(fmt::format("obs: the exact Hessian of {} weights, its factor and its inverse", v.total()), 6 * 8 * n * n,
                 "use woodfisher, which keeps blocks, or fewer weights");
  return damped_inverse(v.hessian(objective(in, "obs")));
}

// H ≈ the mean over examples and outputs of outer products of the outputs' gradients.
Tensor outer_inverse(const ScoreInputs& in, const Flat& v) {
  const double n = static_cast<double>(v.total());
  require_memory(fmt::format("obs-1993: the inverse Hessian of {} weights", v.total()), 3 * 8 * n * n, "use woodfisher, which keeps blocks, or fewer weights");
  NoGrad on(false);
  const Tensor outputs = (*in.net)(in.inputs);
  NoGrad off;
  const Tensor rows = index_select(jacobian(outputs, v.leaves()), v.places(), 1);
  // (Σ over outputs, mean over examples: with P rows the recursion divides by P.)
  const double per_example = static_cast<double>(outputs.numel()) / static_cast<double>(outputs.size(0));
  return outer_product_inverse(rows * std::sqrt(per_example), in.weight_decay > 0 ? in.weight_decay : in.damping);
}

BlockInverse fisher(const ScoreInputs& in, const Flat& v) {
  auto gradient = [&](std::int64_t k) {
    NoGrad on(false);
    return v.gradient(in.loss((*in.net)(slice(in.inputs, 0, k, k + 1)), slice(in.targets, 0, k, k + 1)));
  };
  return fisher_inverse(v.size(), in.inputs.size(0), gradient, in.fisher_block, in.weight_decay > 0 ? in.weight_decay : in.damping);
}

// The masks and values that go with the vector's: pruned before or now means mask 0.
Surgery back_to_parameters(const Flat& v, const Tensor& kept_mask, const Tensor& weights) {
  Surgery s;
  for (const Tensor& m : v.spread(cast(kept_mask, DType::f64))) s.masks.push_back(greater(m, number(0, m)));
  s.values = list(v.spread(weights));
  return s;
}

Surgery operate(const Flat& v, const Inverse& inverse, std::int64_t remove) {
  require(remove >= 0 && remove <= v.size(), "obs: cannot remove {} of {} weights", remove, v.size());
  Surgeon surgeon(v.values(), inverse.inverse);
  for (std::int64_t i = 0; i < remove; ++i) surgeon.remove(surgeon.cheapest());
  Surgery s = back_to_parameters(v, surgeon.mask(), surgeon.weights());
  s.damping = inverse.damping;
  return s;
}

Scores diagonal_scores(const ScoreInputs& in, const Tensors& diagonal) {
  Scores scores;
  for (std::size_t i = 0; i < diagonal.size(); ++i) scores.push_back(prune::obd(in.parameters[i]->leaf(), diagonal[i]));
  return scores;
}

Scores backpropagated(const ScoreInputs& given, const char* score, SecondOrder order) {
  const InDouble scope(given, score);
  const ScoreInputs& in = scope.inputs();
  objective(in, score);  // says what is missing
  NoGrad on(false);
  const Tensor outputs = (*in.net)(in.inputs);
  Tensors diagonal = backpropagated_diagonal(outputs, in.loss, in.targets, leaves(in), order);
  NoGrad off;
  for (Tensor& d : diagonal) d = d + in.weight_decay;
  return diagonal_scores(in, diagonal);
}

// What the exact inverse, the outer products' and the block inverse have in common: the weights as one vector, in f64.
template <class F>
auto with_vector(const ScoreInputs& given, const char* score, F f) {
  const InDouble scope(given, score);
  objective(scope.inputs(), score);  // says what is missing
  return f(scope.inputs(), Flat(scope.inputs().parameters));
}

}  // namespace

Scores obd(const ScoreInputs& given) {
  const InDouble scope(given, "obd");
  const ScoreInputs& in = scope.inputs();
  const Tensors xs = leaves(in);
  return diagonal_scores(in, split(hessian_diagonal(objective(in, "obd"), xs), xs));
}
Scores obd_1990(const ScoreInputs& in) { return backpropagated(in, "obd-1990", SecondOrder::full); }
Scores obd_1990_positive(const ScoreInputs& in) { return backpropagated(in, "obd-1990-positive", SecondOrder::positive); }

Scores obs(const ScoreInputs& given) {
  return with_vector(given, "obs", [](const ScoreInputs& in, const Flat& v) { return list(v.spread(obs_scores(v.values(), exact_inverse(in, v).inverse))); });
}
Scores obs_1993(const ScoreInputs& given) {
  return with_vector(given, "obs-1993", [](const ScoreInputs& in, const Flat& v) { return list(v.spread(obs_scores(v.values(), outer_inverse(in, v)))); });
}
Scores woodfisher(const ScoreInputs& given) {
  return with_vector(given, "woodfisher", [](const ScoreInputs& in, const Flat& v) { return list(v.spread(woodfisher_scores(v.values(), fisher(in, v)))); });
}

Surgery operate_obs(const ScoreInputs& given, std::int64_t remove) {
  return with_vector(given, "obs", [&](const ScoreInputs& in, const Flat& v) { return operate(v, exact_inverse(in, v), remove); });
}
Surgery operate_obs_1993(const ScoreInputs& given, std::int64_t remove) {
  return with_vector(given, "obs-1993", [&](const ScoreInputs& in, const Flat& v) { return operate(v, {outer_inverse(in, v), 0}, remove); });
}
Surgery operate_woodfisher(const ScoreInputs& given, std::int64_t remove) {
  return with_vector(given, "woodfisher", [&](const ScoreInputs& in, const Flat& v) {
    const BlockInverse f = fisher(in, v);
    const Tensor mask = remove_lowest({{"weights", woodfisher_scores(v.values(), f), {}}}, remove)[0];
    return back_to_parameters(v, mask, v.values() + woodfisher_change(v.values(), f, mask));
  });
}

}  // namespace bonsai::prune::methods_by_name
