// hint: sqrt(sum(x * x, {0})) is one norm an input, (in), and stretches over the rows of abs(w).
// hint: prune::remove_lowest on slice(scores, 0, i, i + 1), row by row; concat(rows, 0) puts the masks together.
// reference: prune/layerwise/wanda.cpp (wanda.1)
#include "prune/layerwise/hessian.h"
#include "prune/layerwise/wanda.h"

using namespace bonsai;

Tensor wanda_mask(const Tensor& w, const Tensor& x, double sparsity) {
  prune::InputStatistics inputs(x.size(1), false);
  inputs.add(x);
  return prune::keep_by_row("w", prune::wanda_scores(w, inputs.norms()), {.sparsity = sparsity});
}
