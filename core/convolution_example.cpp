// Worked example: one row of pixels x = (1, 2, 3, 4), a kernel w = (1, -1), which is not flipped, and then the three sums over the same products.
//
//   value             y_p = x_p - x_(p+1)                        = (-1, -1, -1)
//   input gradient    for dy = (1, 10, 100): dx_q = dy_q - dy_(q-1)  = (1, 9, 90, -100)
//   weight gradient   dw = (1·1 + 2·10 + 3·100, 2·1 + 3·10 + 4·100)  = (321, 432)
//   stride 2          y = (1 - 2, 3 - 4)                         = (-1, -1)
//   padding 1         0 1 2 3 4 0 (and rows of zeros above and below)   y = (-1, -1, -1, -1, 4) in the middle
#include <doctest/doctest.h>

#include "core/ops.h"

using namespace bonsai;

TEST_CASE("a convolution by hand") {
  using Numbers = std::vector<double>;
  Tensor x = reshape(tensor({1.0, 2.0, 3.0, 4.0}), {1, 1, 1, 4}).requires_grad(true);
  Tensor w = reshape(tensor({1.0, -1.0}), {1, 1, 1, 2}).requires_grad(true);
  const Tensor y = conv2d(x, w);
  CHECK(y.to_vector<double>() == Numbers{-1, -1, -1});

  const Tensors g = grad(y, {x, w}, {.seed = reshape(tensor({1.0, 10.0, 100.0}), {1, 1, 1, 3})});
  CHECK(g[0].to_vector<double>() == Numbers{1, 9, 90, -100});
  CHECK(g[1].to_vector<double>() == Numbers{321, 432});

  CHECK(conv2d(x, w, {}, {.stride = 2}).to_vector<double>() == Numbers{-1, -1});
  const Tensor padded = conv2d(x, w, {}, {.padding = 1});
  CHECK(slice(padded, 2, 1, 2).to_vector<double>() == Numbers{-1, -1, -1, -1, 4});
}
