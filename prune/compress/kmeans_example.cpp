// By hand: the weights 0, 1, 2, 10 in two clusters. Linear centroids begin at 0 and 10: {0, 1, 2} and {10}, whose means 1 and 10 change nothing more; the
// error is 1 + 0 + 1 = 2. By density they begin at the ranks 1 and 3, also at 1 and 10. Three clusters, linear, begin at 0, 5, 10: nobody is nearest
// to 5, so that cluster takes the weight that is farthest from its centroid, 2; then 1 lies half way between 0 and 2 and goes to the lower.
#include <doctest/doctest.h>

#include <array>

#include "prune/compress/kmeans.h"

TEST_CASE("k-means on a line") {
  using namespace bonsai::prune;
  const std::array<float, 4> w{10, 0, 2, 1};
  const Clusters two = kmeans("w", w, 2);
  CHECK(two.centroids == std::vector<double>{1, 10});
  CHECK(two.of == std::vector<std::int32_t>{1, 0, 0, 0});
  CHECK(two.error == doctest::Approx(2));
  const Clusters three = kmeans("w", w, 3);
  CHECK(three.centroids == std::vector<double>{0.5, 2, 10});
  CHECK(three.error == doctest::Approx(0.5));
  CHECK(kmeans("w", w, 3, Centroids::optimal).error == doctest::Approx(0.5));
}
