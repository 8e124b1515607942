// N of every M: the mask.
// do it, 10 minutes. Chapter: prune/nm/README.md, "N:M masks".
//
// scores (out, in), f64, higher = keep; in is a multiple of m. Return the mask (u8) that keeps, of every m
// scores in a row, the n highest; of equal scores the lowest index goes first. n counts what is KEPT: 1:4
// keeps a quarter.
//
// Why does the best of all patterns need no search through patterns?
#include "prune/nm/nm.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor n_of_every_m(const Tensor& scores, std::int64_t n, std::int64_t m) {
  todo();
}

// ---- The cases

CASE("eight scores, 2:4") {
  check(n_of_every_m(tensor({0.9, 0.1, 0.2, 0.5, 0.0, 0.3, 0.4, 0.1}, {1, 8}), 2, 4), tensor<std::uint8_t>({1, 0, 0, 1, 0, 1, 1, 0}, {1, 8}));
}

CASE("four equal scores: the first two go") { check(n_of_every_m(ones({1, 4}, DType::f64), 2, 4), tensor<std::uint8_t>({0, 0, 1, 1}, {1, 4})); }

CASE("20 rows of 32, 2:4, 1:4 and 4:8, beside the library's") {
  const Tensor scores = abs(seeded().normal({20, 32}, 0, 1, DType::f64));
  for (const prune::NM p : {prune::NM{2, 4}, prune::NM{1, 4}, prune::NM{4, 8}})
    check(n_of_every_m(scores, p.n, p.m), prune::nm_mask("w", scores, p), p.str());
}
