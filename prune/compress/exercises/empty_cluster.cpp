// The centroid that nobody is near to.
// break it, 10 minutes. Chapter: prune/compress/README.md, "k-means on a line".
//
// Four centroids are set evenly over [min, max], as Deep Compression does, and Lloyd's iterations follow:
// each weight to its nearest centroid, each centroid to the mean of its weights. A centroid without a weight
// stays where it is. Give 6 to 20 weights between -10 and 10 on which two of the four end without a weight,
// and the squared error is 100 times the library's, which gives an empty cluster the weight that is farthest
// from its own.
//
// Trained layers look like that. Why?
#include "prune/compress/kmeans.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<float> layer() {
  return {1, 2, 3, 4, 5, 6, 7, 8};
}

// ---- The wrong one, and the case

namespace {
struct Lloyd {
  double error = 0;
  int empty = 0;
  explicit Lloyd(const std::vector<float>& w) {
    double low = w[0], high = w[0], centroid[4];
    for (double x : w) low = std::min(low, x), high = std::max(high, x);
    for (int k = 0; k < 4; ++k) centroid[k] = low + (high - low) * k / 3;
    for (int iteration = 0; iteration < 100; ++iteration) {
      double total[4] = {}, many[4] = {};
      error = 0;
      for (double x : w) {
        int nearest = 0;
        for (int k = 1; k < 4; ++k)
          if (std::abs(x - centroid[k]) < std::abs(x - centroid[nearest])) nearest = k;
        total[nearest] += x;
        many[nearest] += 1;
        error += (x - centroid[nearest]) * (x - centroid[nearest]);
      }
      empty = 0;
      for (int k = 0; k < 4; ++k)
        if (many[k] > 0) centroid[k] = total[k] / many[k];
        else ++empty;
    }
  }
};
}  // namespace

CASE("two of four centroids wasted") {
  const std::vector<float> w = layer();
  must(w.size() >= 6 && w.size() <= 20, "{} weights; 6 to 20 are wanted", w.size());
  for (float x : w) must(std::abs(x) <= 10, "a weight of {}; -10 to 10 are wanted", x);
  const Lloyd wrong(w);
  const double truth = prune::kmeans("layer", w, 4).error;
  must(wrong.empty >= 2, "{} centroids end without a weight", wrong.empty);
  must(wrong.error > 0 && wrong.error >= 100 * truth, "the error is {:.3g}, the library's {:.3g}", wrong.error, truth);
  note(fmt::format("the error is {:.3g}, the library's {:.3g}", wrong.error, truth));
}
