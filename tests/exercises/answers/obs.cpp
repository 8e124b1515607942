// hint: H⁻¹ e_q is column q of H⁻¹: slice(inverse, 1, q, q + 1), reshaped to {n}. One entry by its flat index: inverse.at(q * n + q).
// reference: prune/scores/obs/obs.cpp (obs.2)
// reference: prune/scores/obs/obs.cpp (obs.1)
#include "prune/scores/obs/obs.h"

using namespace bonsai;

Tensor change_without(std::int64_t q, const Tensor& w, const Tensor& inverse) { return prune::obs_change(w, inverse, q); }
double cost_without(std::int64_t q, const Tensor& w, const Tensor& inverse) { return prune::obs_scores(w, inverse).at(q); }
