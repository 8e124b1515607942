// hint: Take values = clone(w) and its numbers with mutable_data<double>(): entry (i, j) is [4 * i + j]. Three loops: columns, rows, columns to the right.
// hint: What is kept makes no error: e is 0 there. What is pruned is set to 0 only after it has been handed on.
// reference: prune/layerwise/sparsegpt.cpp (sparsegpt.4)
// reference: prune/layerwise/sparsegpt.cpp (sparsegpt.5)
#include "core/ops.h"
#include "prune/select.h"

using namespace bonsai;

// (The library makes U itself and does both at once, so these two are written out.)
Tensor sparsegpt_mask(const Tensor& w, const Tensor& u, std::int64_t remove) {
  const Tensor diagonal = sum(u * eye(4), {0});
  return prune::remove_lowest({{"w", w * w / (diagonal * diagonal), {}}}, remove)[0];
}

Tensor settled(const Tensor& w, const Tensor& u, const Tensor& mask) {
  Tensor values = clone(w);
  const auto v = values.mutable_data<double>();
  for (std::int64_t j = 0; j < 4; ++j)
    for (std::int64_t i = 0; i < w.size(0); ++i) {
      if (mask.at(4 * i + j) != 0) continue;
      const double e = v[4 * i + j] / u.at(4 * j + j);
      for (std::int64_t k = j + 1; k < 4; ++k) v[4 * i + k] -= e * u.at(4 * j + k);
      v[4 * i + j] = 0;
    }
  return values;
}
