// Wanda over the layer: the output that nobody computes any more.
// break it, 10 minutes. Chapter: prune/layerwise/README.md, "Wanda: weights and activations".
//
// Wanda's scores compete within a row, that is for one output. Some programs let them compete over the whole
// layer. Give a weight (4, 4), row by row, no entry 0 or above 10 in size, for which half of the layer pruned
// so leaves an output with no weight at all. The norms of the four inputs are 1, 2, 3 and 4.
//
// BatchNorm or a LayerNorm may follow the layer. Whose scale do the scores then depend on, and what does it
// say about a row's worth?
#include "prune/layerwise/wanda.h"
#include "prune/select.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> four_rows() {
  return {1, 2, 3, 4,
          4, 3, 2, 1,
          1, 2, 3, 4,
          4, 3, 2, 1};
}

// ---- The case

CASE("half of the layer, and a row of zeros") {
  const std::vector<double> rows = four_rows();
  must(rows.size() == 16, "{} numbers; 4 x 4 are wanted", rows.size());
  for (double x : rows) must(x != 0 && std::abs(x) <= 10, "an entry of {}; not 0 and at most 10 is wanted", x);
  const Tensor w = tensor(std::span<const double>(rows), {4, 4}), scores = prune::wanda_scores(w, tensor({1.0, 2.0, 3.0, 4.0}));
  const Tensor over_layer = sum(prune::remove_lowest({{"w", scores, {}}}, 8)[0], {1}), by_row = sum(prune::keep_by_row("w", scores, {.sparsity = 0.5}), {1});
  must(min(cast(over_layer, DType::f64)).item() == 0, "the four outputs keep {} weights; each has one", text(over_layer));
  note(fmt::format("over the layer the outputs keep {} weights, by rows {}", text(over_layer), text(by_row)));
}
