// By hand: w = (1, 5, 3, 0), the last one pruned, in two clusters: {1, 3} become 2 and {5} stays. With gradients (0.5, -1, 0.25, -) the centroids' are
// 0.75 and -1, and a step of plain SGD at rate 1 leaves (1.25, 6, 1.25, 0): two numbers still.
#include <doctest/doctest.h>

#include "nn/optimizers.h"
#include "prune/compress/sharing.h"

TEST_CASE("a centroid's gradient is the sum of its weights'") {
  using namespace bonsai;
  nn::Parameter w("w", {4});
  w.set(tensor<float>({1, 5, 3, 7}));
  w.set_mask(tensor<std::uint8_t>({1, 1, 1, 0}));
  prune::SharedWeights shared({{&w, 2}});
  CHECK(w.leaf().to_vector<float>() == std::vector<float>{2, 5, 2, 0});
  backward(sum(w.value() * tensor<float>({0.5, -1, 0.25, 9})));
  shared.after_backward(0);
  nn::SGD sgd({&w});
  sgd.step(1);
  shared.after_update(0, 1);
  CHECK(w.leaf().to_vector<float>() == std::vector<float>{1.25, 6, 1.25, 0});
  CHECK(prune::codebook(w.leaf()) == std::vector<float>{1.25, 6});
}
