// Worked example: f(x, y) = x² y + y³ at (1, 2), by hand.
//
//   gradient   (2xy, x² + 3y²)          = (4, 13)
//   Hessian    [[2y, 2x], [2x, 6y]]     = [[4, 2], [2, 12]]
//   H v        for v = (1, -1)          = (4 - 2, 2 - 12) = (2, -10)
#include <doctest/doctest.h>

#include "core/derivatives.h"
#include "core/ops.h"

using namespace bonsai;

TEST_CASE("a Hessian by hand") {
  Tensor x = tensor({1.0}).requires_grad(true), y = tensor({2.0}).requires_grad(true);
  const Tensor f = sum(x * x * y + y * y * y);
  CHECK(f.item() == 10);

  const Tensors g = grad(f, {x, y});
  CHECK(g[0].item() == 4);
  CHECK(g[1].item() == 13);

  // The gradient was made of operations, so it has a gradient too.
  CHECK(hessian(f, {x, y}).to_vector<double>() == std::vector<double>{4, 2, 2, 12});

  // One product with a vector never builds the matrix.
  const Tensors hv = hvp(f, {x, y}, {tensor({1.0}), tensor({-1.0})});
  CHECK(hv[0].item() == 2);
  CHECK(hv[1].item() == -10);

  // Two examples of the loss (x a - b)²/2 with x = 1: the gradient of each is (x a - b) a.
  auto loss = [&](const Tensor& a, const Tensor& b) { return 0.5 * mean((x * a - b) * (x * a - b)); };
  const Tensor rows = per_example_gradients(loss, {x}, tensor({3.0, 2.0}), tensor({1.0, 5.0}));
  CHECK(rows.to_vector<double>() == std::vector<double>{6, -6});
}
