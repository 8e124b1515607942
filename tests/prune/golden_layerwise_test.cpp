// Wanda, SparseGPT and OBC against PyTorch, which takes the published steps one by one in f64 (golden_layerwise.py has the other half): masks equal,
// weights to 1e-9. In f32 the weights are those rounded. A convolution is the linear layer of its unfolded weight; under N:M its groups lie along `in`.
#include "tests/prune/golden_layerwise.h"

#include "prune/layerwise/obc.h"
#include "prune/layerwise/sparsegpt.h"
#include "prune/layerwise/wanda.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;

constexpr std::int64_t rows = 6, in = 16, tokens = 40, dead = 5;

Tensor weights() { return noise(1, {rows, in}); }

InputStatistics statistics() {
  Tensor x = noise(2, {tokens, in}, 0.3);
  const Tensor a = noise(3, {tokens, 4}), b = noise(4, {tokens, 4}, 0.5);
  for (std::int64_t t = 0; t < tokens; ++t)
    for (std::int64_t j = 0; j < in; ++j) {
      double& v = x.mutable_data<double>()[t * in + j];
      v = j == dead ? 0 : v + a.at(t * 4 + j % 4) + b.at(t * 4 + j / 4);
    }
  InputStatistics s(in);
  s.add(slice(x, 0, 0, 13));
  s.add(slice(x, 0, 13, tokens));
  return s;
}

void expect_golden(const std::string& name, const Tensor& mask, const Tensor& values = {}, double tolerance = 1e-9) {
  SCOPED_TRACE(name);
  const std::vector<double>& want = golden_layerwise.at(name);
  ASSERT_EQ(want.size(), static_cast<std::size_t>(mask.numel() * (values.defined() ? 2 : 1)));
  for (std::int64_t i = 0; i < mask.numel(); ++i) EXPECT_EQ(mask.at(i), want[i]) << i;
  if (!values.defined()) return;
  for (std::int64_t i = 0; i < mask.numel(); ++i) {
    EXPECT_NEAR(values.at(i), want[mask.numel() + i], tolerance * (1 + std::abs(want[mask.numel() + i]))) << i;
    EXPECT_TRUE(mask.at(i) == 1 || values.at(i) == 0) << i;
  }
}
void expect_golden(const std::string& name, const Compensated& c, double tolerance = 1e-9) { expect_golden(name, c.mask, c.values, tolerance); }

TEST(GoldenLayerwise, MasksAndWeightsAreThoseOfPyTorch) {
  const InputStatistics x = statistics();
  const Tensor w = weights(), h = x.second_moments(), scores = wanda_scores(w, x.norms());
  expect_golden("wanda 0.5", keep_by_row("w", scores, {.sparsity = 0.5}));
  expect_golden("wanda 0.25", keep_by_row("w", scores, {.sparsity = 0.25}));
  expect_golden("wanda 2:4", keep_by_row("w", scores, {.pattern = NM{2, 4}}));
  expect_golden("wanda 1:8", keep_by_row("w", scores, {.pattern = NM{1, 8}}));
  expect_golden("sparsegpt 0.5", sparsegpt("w", w, h, {.sparsity = 0.5}));
  expect_golden("sparsegpt 0.3 in 5s", sparsegpt("w", w, h, {.sparsity = 0.3}, {.block = 5}));
  expect_golden("sparsegpt 0.5 published in 8s", sparsegpt("w", w, h, {.sparsity = 0.5}, {.block = 8, .as_published = true}));
  expect_golden("sparsegpt 2:4", sparsegpt("w", w, h, {.pattern = NM{2, 4}}));
  expect_golden("sparsegpt 3:8 in 8s", sparsegpt("w", w, h, {.pattern = NM{3, 8}}, {.block = 8}));
  expect_golden("obc 0.5", obc("w", w, h, {.sparsity = 0.5}));
  expect_golden("obc 0.5 rows", obc("w", w, h, {.sparsity = 0.5}, {.per_row = true}));
  expect_golden("obc 2:4", obc("w", w, h, {.pattern = NM{2, 4}}));
}

TEST(GoldenLayerwise, InF32TheWeightsAreTheseRounded) {
  const Tensor w = cast(weights(), DType::f32), h = statistics().second_moments();
  const Compensated c = sparsegpt("w", w, h, {.sparsity = 0.5});
  EXPECT_EQ(c.values.dtype(), DType::f32);
  expect_golden("sparsegpt 0.5", c, 1e-6);
  expect_golden("obc 0.5", obc("w", w, h, {.sparsity = 0.5}), 1e-6);
}

// w (out, in 4, 2, 2), read as (out, 16), is the layer; along `in` groups of 4 lie 4 columns apart. So with the columns sorted place by place, weight
// and second moments alike, the golden linear layer is the convolution's.
TEST(GoldenLayerwise, AConvolutionIsTheLayerOfItsUnfoldedWeight) {
  const InputStatistics x = statistics();
  const Tensor h = x.second_moments(), w = reshape(weights(), {rows, 4, 2, 2});
  const Compensated c = sparsegpt("w", w, h, {.sparsity = 0.5});
  EXPECT_EQ(c.values.shape(), w.shape());
  expect_golden("sparsegpt 0.5", c);
  expect_golden("obc 0.5", obc("w", w, h, {.sparsity = 0.5}));
  expect_golden("wanda 0.5", keep_by_row("w", wanda_scores(w, x.norms()), {.sparsity = 0.5}));

  std::vector<std::int64_t> places;  // column place · 4 + i of the golden layer becomes column i · 4 + place
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t place = 0; place < 4; ++place) places.push_back(place * 4 + i);
  const Tensor by = tensor(std::span<const std::int64_t>(places), {in});
  const Tensor moved = reshape(index_select(weights(), by, 1), {rows, 4, 2, 2}), moments = index_select(index_select(h, by, 0), by, 1);
  auto back = [&](const Tensor& t) { return index_select(reshape(t, {rows, in}), by, 1); };  // the transpose of a square is its own inverse
  for (const auto& [name, found] : {std::pair{"sparsegpt 2:4", sparsegpt("w", moved, moments, {.pattern = NM{2, 4}})},
                                    std::pair{"obc 2:4", obc("w", moved, moments, {.pattern = NM{2, 4}})}})
    expect_golden(name, back(found.mask), back(found.values));
  expect_golden("wanda 2:4", back(keep_by_row("w", wanda_scores(moved, index_select(x.norms(), by)), {.pattern = NM{2, 4}})));
}

}  // namespace
}  // namespace bonsai::prune
