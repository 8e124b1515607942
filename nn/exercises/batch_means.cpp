// The mean of the batches' means.
// break it, 10 minutes. Chapter: nn/README.md; nn/train.cpp, evaluate().
//
// A set is evaluated four examples at a time, and the mean loss of each batch is written down; at the end the
// mean of those is reported. Give the losses of 5 to 20 examples for which that is wrong by more than a
// quarter, although no loss is above 1.
//
// When is it always right? What does evaluate() add up instead?
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<double> losses() {
  return {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};
}

// ---- The wrong one, and the case

namespace {
double mean_of_means(const std::vector<double>& of) {
  double means = 0;
  int batches = 0;
  for (std::size_t begin = 0; begin < of.size(); begin += 4, ++batches) {
    const std::size_t end = std::min(begin + 4, of.size());
    double total = 0;
    for (std::size_t i = begin; i < end; ++i) total += of[i];
    means += total / static_cast<double>(end - begin);
  }
  return means / batches;
}
}  // namespace

CASE("losses between 0 and 1, wrong by more than 0.25") {
  const std::vector<double> of = losses();
  must(of.size() >= 5 && of.size() <= 20, "{} losses; 5 to 20 are wanted", of.size());
  for (double x : of) must(x >= 0 && x <= 1, "a loss of {}; they lie between 0 and 1", x);
  const double wrong = mean_of_means(of), truth = mean(tensor(std::span<const double>(of), {static_cast<std::int64_t>(of.size())})).item();
  must(std::abs(wrong - truth) > 0.25, "the mean of the means is {:.4g}, the mean {:.4g}; they are to differ by more than 0.25", wrong, truth);
  note(fmt::format("the mean of the means is {:.4g}, the mean {:.4g}", wrong, truth));
}
