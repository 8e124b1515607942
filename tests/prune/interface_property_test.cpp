// Sequences of calls against a slow oracle, and norms of channels against the formula as it stands.
#include <algorithm>
#include <limits>

#include "core/random.h"
#include "prune/interface.h"
#include "prune/scores/channel_norm.h"
#include "prune/warning.h"
#include "tests/nn/support.h"

namespace bonsai::prune {
namespace {
using namespace bonsai::test;
using Whole = std::vector<std::int64_t>;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Weights that are small whole numbers: every norm is one too (of the 2-norm, the square), so ties are ties. Plain loops and sorting.
struct Slow {
  Whole shape, weights;
  std::vector<bool> kept;
  std::int64_t size() const { return static_cast<std::int64_t>(weights.size()); }
  std::int64_t index_along(std::int64_t entry, std::size_t axis) const {
    for (std::size_t a = shape.size() - 1; a > axis; --a) entry /= shape[a];
    return entry % shape[axis];
  }
};

// Eighths of n, halves to even.
std::int64_t eighths(std::int64_t k, std::int64_t n) {
  const std::int64_t whole = k * n / 8, rest = k * n % 8;
  return rest > 4 || (rest == 4 && whole % 2) ? whole + 1 : whole;
}

struct Ranked {
  std::int64_t score, tensor, index;
};
std::vector<Ranked> lowest(std::vector<Ranked> all, std::int64_t number) {
  std::stable_sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) { return a.score < b.score; });
  all.resize(number);
  return all;
}

void slow_unstructured(std::vector<Slow*> tensors, std::int64_t number) {
  std::vector<Ranked> all;
  for (std::size_t t = 0; t < tensors.size(); ++t)
    for (std::int64_t i = 0; i < tensors[t]->size(); ++i)
      if (tensors[t]->kept[i]) all.push_back({std::abs(tensors[t]->weights[i]), static_cast<std::int64_t>(t), i});
  for (const Ranked& r : lowest(all, number)) tensors[r.tensor]->kept[r.index] = false;
}

std::int64_t slow_norm(const Slow& s, double n, std::size_t axis, std::int64_t channel) {
  std::int64_t sum = 0, squares = 0, largest = 0, smallest = 1000, nonzero = 0;
  for (std::int64_t i = 0; i < s.size(); ++i)
    if (s.index_along(i, axis) == channel) {
      const std::int64_t w = s.kept[i] ? std::abs(s.weights[i]) : 0;
      sum += w, squares += w * w, nonzero += w != 0;
      largest = std::max(largest, w), smallest = std::min(smallest, w);
    }
  return n == 0 ? nonzero : n == 1 ? sum : n == 2 ? squares : n > 0 ? largest : smallest;
}

std::vector<Ranked> living_channels(const Slow& s, double n, std::size_t axis) {
  std::vector<Ranked> all;
  for (std::int64_t c = 0; c < s.shape[axis]; ++c) {
    bool alive = false;
    for (std::int64_t i = 0; i < s.size(); ++i) alive = alive || (s.kept[i] && s.index_along(i, axis) == c);
    if (alive) all.push_back({slow_norm(s, n, axis, c), 0, c});
  }
  return all;
}

TEST(InterfaceProperty, SequencesOfCallsAgreeWithASlowOracle) {
  const WarningSink before = set_warning_sink([](const std::string&) {});
  Random random(1);
  auto draw = [&](std::size_t n) { return static_cast<std::int64_t>(random.below(n)); };
  for (int round = 0; round < 300; ++round) {
    std::vector<Slow> slow(2);
    std::vector<std::unique_ptr<nn::Parameter>> ours;
    for (Slow& s : slow) {
      std::int64_t numel = 1;
      for (std::int64_t axes = 2 + draw(3); axes > 0; --axes) s.shape.push_back(1 + draw(5)), numel *= s.shape.back();
      for (std::int64_t i = 0; i < numel; ++i) s.weights.push_back(draw(9) - 4);
      s.kept.assign(numel, true);
      ours.push_back(std::make_unique<nn::Parameter>(fmt::format("t{}", ours.size()), Shape(s.shape), round % 2 ? DType::f32 : DType::f64));
      ours.back()->set(cast(tensor(std::span<const std::int64_t>(s.weights), Shape(s.shape)), DType::f64));
    }
    for (int step = 0; step < 6; ++step) {
      const std::size_t t = random.below(2);
      const std::int64_t k = draw(4), kind = draw(4);
      const bool whole = random.below(2);
      if (kind == 0) {
        const std::int64_t left = std::count(slow[t].kept.begin(), slow[t].kept.end(), true);
        slow_unstructured({&slow[t]}, whole ? std::min(k, left) : eighths(k, left));
        l1_unstructured(*ours[t], whole ? Amount(std::min(k, left)) : Amount(static_cast<double>(k) / 8));
      } else if (kind == 1) {
        std::int64_t left = 0;
        for (const Slow& s : slow) left += std::count(s.kept.begin(), s.kept.end(), true);
        slow_unstructured({&slow[1 - t], &slow[t]}, whole ? std::min(k, left) : eighths(k, left));
        global_unstructured({ours[1 - t].get(), ours[t].get()}, whole ? Amount(std::min(k, left)) : Amount(static_cast<double>(k) / 8));
      } else if (kind == 2) {
        const std::size_t axis = random.below(slow[t].shape.size());
        const double n = std::array{0.0, 1.0, 2.0, infinity, -infinity}[random.below(5)];
        const auto channels = living_channels(slow[t], n, axis);
        const std::int64_t left = static_cast<std::int64_t>(channels.size()), number = whole ? std::min<std::int64_t>(k, left) : eighths(k, left);
        for (const Ranked& r : lowest(channels, number))
          for (std::int64_t i = 0; i < slow[t].size(); ++i)
            if (slow[t].index_along(i, axis) == r.index) slow[t].kept[i] = false;
        const int dim = static_cast<int>(axis) - (random.below(2) ? static_cast<int>(slow[t].shape.size()) : 0);
        ln_structured(*ours[t], whole ? Amount(std::min(k, left)) : Amount(static_cast<double>(k) / 8), n, dim);
      } else {
        const Tensor mask = cast(random.bernoulli(Shape(slow[t].shape), 0.8), DType::u8);
        for (std::int64_t i = 0; i < slow[t].size(); ++i) slow[t].kept[i] = slow[t].kept[i] && mask.at(i) == 1;
        custom_from_mask(*ours[t], mask);
      }
      for (std::size_t i = 0; i < 2; ++i)
        for (std::int64_t e = 0; e < slow[i].size(); ++e) {
          ASSERT_EQ(!ours[i]->is_masked() || ours[i]->mask().at(e), slow[i].kept[e])
              << "round " << round << " step " << step << " kind " << kind << " entry " << e;
          ASSERT_EQ(ours[i]->leaf().at(e), slow[i].kept[e] ? static_cast<double>(slow[i].weights[e]) : 0);
        }
    }
  }
  set_warning_sink(before);
}

TEST(ChannelNorm, IsTheFormulaAlongEveryAxis) {
  Random random(2);
  for (const Shape& shape : {Shape{5, 7}, Shape{3, 1, 4}, Shape{2, 3, 4, 5}})
    for (const DType t : {DType::f32, DType::f64})
      for (const double n : {1.0, 2.0, 3.0, 0.5, 1.7, -1.0, -0.3, 40.0}) {
        const Tensor w = random.normal(shape, 0, 1, t);
        for (int axis = 0; axis < shape.rank(); ++axis) {
          std::vector<long double> sums(shape[axis]);
          for (std::int64_t i = 0; i < w.numel(); ++i)
            sums[i / contiguous_strides(shape)[axis] % shape[axis]] += std::pow(static_cast<long double>(std::abs(w.at(i))), n);
          const Tensor got = channel_norm(w, n, axis - (n < 1 ? shape.rank() : 0));
          ASSERT_EQ(got.shape(), (Shape{shape[axis]}));
          for (std::int64_t c = 0; c < shape[axis]; ++c) {
            const double want = static_cast<double>(std::pow(sums[c], 1 / static_cast<long double>(n)));
            EXPECT_TRUE(std::abs(got.at(c) - want) <= 1e-13 * want) << n << " axis " << axis << ": " << got.at(c) << " " << want;
          }
        }
      }
}

// Weights whose powers leave the range of a double: the norms of (3, 4), scaled by so much, keep their order and their size.
TEST(ChannelNorm, NoPowerOverflows) {
  for (const double size : {1e-300, 1e-40, 1.0, 1e40, 1e300})
    for (const double n : {1.0, 2.0, 3.0, 100.0, 5000.0, -2.0, -300.0}) {
      const Tensor norms = channel_norm(tensor({3 * size, 4 * size, 4 * size, 5 * size}, {2, 2}), n, 0);
      const long double ratio = 3.0L / 4, up = std::pow(1 + std::pow(ratio, static_cast<long double>(std::abs(n))), 1 / static_cast<long double>(n));
      const double want = static_cast<double>((n > 0 ? 4 : 3) * static_cast<long double>(size) * up);
      EXPECT_TRUE(std::abs(norms.at(0) - want) <= 1e-12 * want) << size << " " << n << ": " << norms.at(0) << " " << want;
      EXPECT_LT(norms.at(0), norms.at(1)) << size << " " << n;
    }
}

}  // namespace
}  // namespace bonsai::prune
