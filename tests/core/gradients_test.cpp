// Derivatives against central differences in f64, for every operation of the table: the gradient of a weighted sum of the value,
// and the gradient of a weighted sum of that gradient.
#include "tests/core/check.h"
#include "tests/core/operations.h"

namespace bonsai::check {
namespace {

constexpr double eps = 1e-6, atol = 1e-5, rtol = 1e-3;

class Gradients : public ::testing::TestWithParam<Row> {};

// d/dx of a number f(xs), one element of one x at a time, by stepping a little to both sides.
Tensors differences(const std::function<double()>& f, Tensors xs) {
  Tensors out;
  for (Tensor& x : xs) {
    Tensor d = empty_like(x);
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const double here = x.at(i);
      x.mutable_data<double>()[i] = here + eps;
      const double above = f();
      x.mutable_data<double>()[i] = here - eps;
      const double below = f();
      x.mutable_data<double>()[i] = here;
      d.mutable_data<double>()[i] = (above - below) / (2 * eps);
    }
    out.push_back(d);
  }
  return out;
}

TEST_P(Gradients, MatchCentralDifferences) {
  const Row& row = GetParam();
  int tried = 0;
  for (const Shapes& shapes : row.shapes) {
    std::int64_t elements = 0;
    for (const Shape& s : shapes) elements += s.numel();
    if (elements > 60) continue;
    ++tried;
    const Tensors inputs = inputs_of(row, shapes, DType::f64), xs = real_ones(inputs);
    auto loss = [&] { return weighted_sum({row.f(inputs)}); };
    auto slope = [&](bool graph) { return grad(loss(), xs, {.create_graph = graph}); };

    const Tensors first = slope(false), recorded = slope(true);
    const Tensors want = differences([&] { return loss().item(); }, xs);
    for (std::size_t i = 0; i < xs.size(); ++i) {
      EXPECT_TRUE(close(first[i], want[i], atol, rtol)) << "gradient of input " << i << " of shape " << str(xs[i].shape());
      EXPECT_TRUE(close(recorded[i], first[i], 1e-12, 1e-12)) << "the recorded gradient differs, input " << i;
    }

    const Tensors second = grad(weighted_sum(slope(true), 60), xs);
    const Tensors want_second = differences([&] { return weighted_sum(slope(false), 60).item(); }, xs);
    for (std::size_t i = 0; i < xs.size(); ++i)
      EXPECT_TRUE(close(second[i], want_second[i], atol, rtol)) << "gradient of the gradient, input " << i << " of shape " << str(xs[i].shape());
  }
  EXPECT_GT(tried, 0) << "no shape of this row is small enough";
}

std::vector<Row> differentiable() {
  std::vector<Row> rows;
  for (const Row& r : operations())
    if (r.differentiable) rows.push_back(r);
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Core, Gradients, ::testing::ValuesIn(differentiable()), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace bonsai::check
