// The exact Hessian of the little network against PyTorch's (golden.py), all 43 x 43 entries.
#include "core/derivatives.h"
#include "tests/nn/golden_values.h"
#include "tests/nn/support.h"

namespace bonsai::nn {
namespace {
using namespace bonsai::test;

TEST(Hessian, IsPyTorchs) {
  auto net = small_net();
  Tensors xs;
  for (Parameter* p : net->parameters()) xs.push_back(p->leaf());
  const Tensor h = hessian(cross_entropy((*net)(small_inputs()), small_labels()), xs);
  const std::vector<double>& want = golden_values.at("hessian");
  ASSERT_EQ(static_cast<std::size_t>(h.numel()), want.size());
  const Tensor torch = tensor(std::span<const double>(want), h.shape());
  const double largest = max(abs(torch)).item();
  EXPECT_GT(largest, 0.01);
  EXPECT_TRUE(close(h, torch, 1e-10, 1e-12 * largest));
  EXPECT_TRUE(close(h, transpose(h), 0, 1e-12 * largest));
}

}  // namespace
}  // namespace bonsai::nn
