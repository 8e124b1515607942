// FPGM on squared weights: where w and -w are twins.
// break it, 10 minutes. Chapter: prune/scores/README.md, "FPGM: the filter that the others can replace".
//
// FPGM takes the filter with the smallest sum of distances to all others. One popular program squares the
// weights before it measures the distances. Give five filters of two weights, row by row, for which the
// filter that FPGM would keep longest, the most singular one, is the first that the squared one takes.
#include "prune/scores/fpgm.h"
#include "prune/select.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> five_filters() {
  return {1, 0,
          2, 0,
          3, 0,
          4, 0,
          9, 0};
}

// ---- The case

CASE("the most singular filter goes first") {
  const std::vector<double> rows = five_filters();
  must(rows.size() == 10, "{} numbers; 5 x 2 are wanted", rows.size());
  const Tensor f = tensor(std::span<const double>(rows), {5, 2}), truth = prune::fpgm(f), squared = prune::fpgm(f * f);
  const std::int64_t singular = static_cast<std::int64_t>(argmax(truth).item());
  const Tensor mask = prune::remove_lowest({{"squared", squared, {}}}, 1)[0];
  for (int i = 0; i < 5; ++i)
    must(i == singular || truth.at(i) < truth.at(singular) - 1e-6, "filters {} and {} are equally singular; one of them is to stand out", i, singular);
  must(mask.at(singular) == 0, "filter {} is the most singular, with scores {}; on squares the scores are {}, and another goes first", singular, text(truth), text(squared));
  note(fmt::format("filter {} goes first on squares {}, and last by FPGM {}", singular, text(squared), text(truth)));
}
