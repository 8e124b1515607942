// Does the score say the right order? Spearman's correlation.
// do it, 10 minutes. Chapter: experiments/README.md, saliency_faceoff.
//
// a and b are of one length, two or more. Return the correlation of their ranks:
//
//   ranks: 1 for the smallest; equal values share the mean of their ranks
//   ρ = Σ (r_i - r̄)(s_i - s̄) / √(Σ (r_i - r̄)² Σ (s_i - s̄)²)
//
// A saliency that is the true cost times a thousand has ρ = 1. Which errors of a score does ρ not see, and
// does selecting weights see them?
#include "experiments/common/statistics.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  todo();
}

// ---- The cases

CASE("the same order, at another scale: 1") { check(rank_correlation({1, 2, 3, 4}, {10, 200, 3000, 40'000}), 1.0); }
CASE("the other way round: -1") { check(rank_correlation({1, 2, 3, 4}, {4, 3, 2, 1}), -1.0); }
CASE("200 numbers, beside the library's") {
  Random r = seeded();
  const Tensor a = r.normal({200}, 0, 1, DType::f64), b = a + r.normal({200}, 0, 1, DType::f64);
  check(rank_correlation(a.to_vector<double>(), b.to_vector<double>()), experiments::spearman(a.to_vector<double>(), b.to_vector<double>()));
}
CASE("with many ties") {
  Random r = seeded();
  std::vector<double> a(100), b(100);
  for (int i = 0; i < 100; ++i) {
    a[i] = static_cast<double>(r.below(8));
    b[i] = a[i] + static_cast<double>(r.below(4));
  }
  check(rank_correlation(a, b), experiments::spearman(a, b));
}
