// Augmentation against brute force: the padded picture written out, and every flip and cut of it tried.
#include "datasets/augment.h"

#include <algorithm>
#include <map>

#include "core/ops.h"
#include "core/parallel.h"
#include "datasets/batches.h"
#include "tests/datasets/pictures.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Cut = std::tuple<bool, std::int64_t, std::int64_t>;  // flip, dy, dx

Dataset pictures(std::int64_t n, std::int64_t channels, std::int64_t height, std::int64_t width, std::uint64_t seed) {
  const Bytes bytes = test::noise(static_cast<std::size_t>(n * channels * height * width), seed);
  return {"noise", tensor(std::span<const std::uint8_t>(bytes), {n, channels, height, width}), arange(n), {}};
}
Bytes bytes_of(const Tensor& images, std::int64_t i) { return slice(images, 0, i, i + 1).to_vector<std::uint8_t>(); }

// One picture (c, h, w): mirrored first, padded with zeros, and cut out at (dy, dx).
Bytes slowly(const Bytes& in, std::int64_t c, std::int64_t h, std::int64_t w, std::int64_t pad, const Cut& cut) {
  const auto [flip, dy, dx] = cut;
  const std::int64_t tall = h + 2 * pad, wide = w + 2 * pad;
  Bytes padded(static_cast<std::size_t>(c * tall * wide), 0), out;
  for (std::int64_t k = 0; k < c; ++k)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t x = 0; x < w; ++x)
        padded[(k * tall + y + pad) * wide + x + pad] = in[(k * h + y) * w + (flip ? w - 1 - x : x)];
  for (std::int64_t k = 0; k < c; ++k)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t x = 0; x < w; ++x) out.push_back(padded[(k * tall + y + dy) * wide + x + dx]);
  return out;
}

// Which cuts of its picture an output may be. On noise it is one.
std::vector<Cut> cuts_of(const Bytes& in, const Bytes& out, std::int64_t c, std::int64_t h, std::int64_t w,
                         std::int64_t pad) {
  std::vector<Cut> found;
  for (bool flip : {false, true})
    for (std::int64_t dy = 0; dy <= 2 * pad; ++dy)
      for (std::int64_t dx = 0; dx <= 2 * pad; ++dx)
        if (slowly(in, c, h, w, pad, {flip, dy, dx}) == out) found.emplace_back(flip, dy, dx);
  return found;
}

TEST(Augment, EveryPictureIsACutOfItsOwnAndAllAreDrawnAlike) {
  const Dataset d = pictures(50, 3, 7, 5, 1);
  const Tensor numbers = cast(Random(2).uniform({5000}, 0, 50), DType::i64);
  for (const auto& [a, cells] :
       std::vector<std::pair<Augmentation, int>>{{{true, 2}, 50}, {{false, 2}, 25}, {{true, 0}, 2}, {{false, 1}, 9}}) {
    const Tensor out = augmented(d.inputs, numbers, a, Random(3));
    ASSERT_EQ(out.shape(), Shape({5000, 3, 7, 5}));
    std::map<Cut, int> counts;
    for (std::int64_t i = 0; i < 5000; ++i) {
      const auto cuts = cuts_of(bytes_of(d.inputs, numbers.data<std::int64_t>()[i]), bytes_of(out, i), 3, 7, 5, a.pad);
      ASSERT_EQ(cuts.size(), 1u) << i;
      ASSERT_TRUE(a.flip || !std::get<0>(cuts[0]));
      ++counts[cuts[0]];
    }
    ASSERT_EQ(counts.size(), static_cast<std::size_t>(cells));
    double chi2 = 0;  // with cells - 1 degrees of freedom: its mean, and a deviation of √(2 (cells - 1))
    for (const auto& [cut, count] : counts) chi2 += std::pow(count - 5000.0 / cells, 2) / (5000.0 / cells);
    EXPECT_LT(chi2, cells - 1 + 4 * std::sqrt(2.0 * (cells - 1)));
  }
}

// The largest padding leaves pictures that are black but for a corner.
TEST(Augment, AtTheEdges) {
  const Dataset d = pictures(3, 1, 4, 6, 4);
  const Tensor numbers = arange(3), out = augmented(d.inputs, numbers, {true, 3}, Random(5));
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(cuts_of(bytes_of(d.inputs, i), bytes_of(out, i), 1, 4, 6, 3).size(), 1u);
  EXPECT_EQ(augmented(d.inputs, numbers, {}, Random(5)).to_vector<std::uint8_t>(), d.inputs.to_vector<std::uint8_t>());
  EXPECT_EQ(augmented(d.inputs, arange(0), {true, 1}, Random(5)).shape(), Shape({0, 1, 4, 6}));
}

TEST(Augment, ThreadsDoNotMatter) {
  const Dataset d = pictures(300, 3, 32, 32, 6);
  auto batch = [&](int threads) {
    set_threads(threads);
    const Tensor x = Batches(d, 130, Random(7), {}, {true, 4})(5).inputs;
    set_threads(1);
    return x.to_vector<float>();
  };
  const auto one = batch(1);
  for (int threads : {2, 3, 8}) EXPECT_EQ(batch(threads), one);
}

TEST(Augment, ABatchIsAFunctionOfItsIteration) {
  const Dataset d = pictures(40, 3, 8, 8, 8);
  const Augmentation a{true, 2};
  Batches forward(d, 12, Random(9), {}, a), plain(d, 12, Random(9));
  std::vector<std::vector<float>> seen;
  for (int i = 0; i < 20; ++i) {
    const Batch b = forward(i);
    EXPECT_EQ(b.labels.to_vector<std::int64_t>(), plain(i).labels.to_vector<std::int64_t>());  // the order is the same
    seen.push_back(b.inputs.to_vector<float>());
  }
  for (int i = 19; i >= 0; --i) {  // from any iteration, as after a kill, and by another object
    EXPECT_EQ(Batches(d, 12, Random(9), {}, a)(i).inputs.to_vector<float>(), seen[i]);
    EXPECT_EQ(forward(i).inputs.to_vector<float>(), seen[i]);
  }
  EXPECT_NE(Batches(d, 12, Random(10), {}, a)(0).inputs.to_vector<float>(), seen[0]);
  // Two epochs cut the same picture otherwise, as a rule, and two iterations the pictures at the same position: 1 in 50 alike.
  std::map<std::int64_t, Cut> first;
  std::vector<Cut> last(12);
  int again = 0, alike = 0, like_the_last = 0;
  for (int i = 0; i < 6; ++i) {
    const Batch b = forward(i);
    for (std::int64_t p = 0; p < 12; ++p) {
      const std::int64_t number = b.labels.data<std::int64_t>()[p];
      Bytes out;
      for (float x : slice(b.inputs, 0, p, p + 1).to_vector<float>())
        out.push_back(static_cast<std::uint8_t>(std::lround(x * 255)));
      const auto cuts = cuts_of(bytes_of(d.inputs, number), out, 3, 8, 8, 2);
      ASSERT_EQ(cuts.size(), 1u);
      like_the_last += i > 0 && last[p] == cuts[0];
      last[p] = cuts[0];
      if (i < 3)
        first[number] = cuts[0];
      else if (first.count(number))
        ++again, alike += first[number] == cuts[0];
    }
  }
  EXPECT_GT(again, 25);
  EXPECT_LT(alike, 8);
  EXPECT_LT(like_the_last, 10);  // of 60
}

// Black, not the mean's colour: the padding is there before pixels are normalised.
TEST(Augment, PaddingIsBlack) {
  Dataset d{"white", empty({4, 3, 6, 6}, DType::u8), arange(4), {}};
  for (auto& x : d.inputs.mutable_data<std::uint8_t>()) x = 255;
  const Normalization n{{0.5, 0.25, 0.125}, {0.25, 0.5, 1}};
  const auto x = Batches(d, 4, Random(11), n, {false, 5})(0).inputs;
  int black = 0;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const std::int64_t c = i / 36 % 3;
    const double zero = -n.mean[c] / n.deviation[c], one = (1 - n.mean[c]) / n.deviation[c];
    ASSERT_TRUE(std::abs(x.at(i) - zero) < 1e-6 || std::abs(x.at(i) - one) < 1e-6) << x.at(i);
    black += std::abs(x.at(i) - zero) < 1e-6;
  }
  EXPECT_GT(black, 0);
}

TEST(Augment, Refuses) {
  const Dataset d = pictures(4, 1, 4, 6, 12);
  EXPECT_MESSAGE(Batches(d, 2, Random(1), {}, {true, -1}),
                 "augmentation: pad -1 on pictures (4, 1, 4, 6); take 0 to 3");
  EXPECT_MESSAGE(Batches(d, 2, Random(1), {}, {false, 4}), "augmentation: pad 4 on pictures (4, 1, 4, 6); take 0 to 3");
  const Dataset floats{"floats", zeros({4, 6}), arange(4), {}};
  EXPECT_MESSAGE(Batches(floats, 2, Random(1), {}, {true, 0}),
                 "augmentation: inputs must be pictures, u8 (n, channels, height, width), got f32 (4, 6)");
  EXPECT_NO_THROW(Batches(floats, 2, Random(1), {}, {}));
  EXPECT_MESSAGE(augmented(d.inputs, tensor<std::int64_t>({4}), {true, 0}, Random(1)), "augmentation: picture 4 of 4");
}

}  // namespace
}  // namespace bonsai::datasets
