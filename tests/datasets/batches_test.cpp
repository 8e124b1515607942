// Batches as a pure function of the iteration, and what they cost.
#include "datasets/batches.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "datasets/toys.h"
#include "tests/files_support.h"

namespace bonsai::datasets {
namespace {

// Example i is (i, -i), labelled i.
Dataset counting(std::int64_t n) {
  Dataset d{"counting", empty({n, 2}), arange(n), {}};
  for (std::int64_t i = 0; i < n; ++i) {
    d.inputs.mutable_data<float>()[2 * i] = static_cast<float>(i);
    d.inputs.mutable_data<float>()[2 * i + 1] = static_cast<float>(-i);
  }
  return d;
}

std::vector<std::int64_t> numbers(const Batch& b) {
  for (std::int64_t i = 0; i < b.labels.numel(); ++i) {
    EXPECT_EQ(b.inputs.at(2 * i), b.labels.at(i));
    EXPECT_EQ(b.inputs.at(2 * i + 1), -b.labels.at(i));
  }
  return b.labels.to_vector<std::int64_t>();
}

TEST(Batches, EveryEpochIsAPermutation) {
  const std::int64_t n = 100, batch = 12;  // 8 batches, 4 examples left out
  Batches batches(counting(n), batch, Random(5));
  EXPECT_EQ(batches.per_epoch(), 8);
  std::vector<std::vector<std::int64_t>> epochs;
  std::vector<int> left_out(n);
  for (std::int64_t epoch = 0; epoch < 200; ++epoch) {
    std::vector<std::int64_t> seen;
    for (std::int64_t i = 0; i < 8; ++i) {
      const Batch b = batches(epoch * 8 + i);
      EXPECT_EQ(b.inputs.shape(), Shape({batch, 2}));
      const auto part = numbers(b);
      seen.insert(seen.end(), part.begin(), part.end());
    }
    const auto order = Random(5).derive(epoch).permutation(n).to_vector<std::int64_t>();
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), order.begin()));  // as the head of batches.h says
    for (std::int64_t i = 96; i < n; ++i) ++left_out[order[i]];
    epochs.push_back(seen);
    std::ranges::sort(seen);
    ASSERT_EQ(std::ranges::adjacent_find(seen), seen.end());
    ASSERT_EQ(seen.size(), 96u);
  }
  std::ranges::sort(epochs);
  EXPECT_EQ(std::ranges::adjacent_find(epochs), epochs.end());  // no two epochs alike
  EXPECT_LT(std::ranges::max(left_out), 40);                    // 8 expected: nobody is left out for ever
}

TEST(Batches, TheSameAtAnyStartingIteration) {
  const Dataset d = counting(50);
  std::vector<std::vector<std::int64_t>> forward;
  Batches batches(d, 7, Random(6));
  for (int i = 0; i < 40; ++i) forward.push_back(numbers(batches(i)));
  for (int i = 39; i >= 0; --i) {
    EXPECT_EQ(numbers(batches(i)), forward[i]);
    EXPECT_EQ(numbers(Batches(d, 7, Random(6))(i)), forward[i]);
  }
  BatchSource source = batches;  // a copy goes on by itself
  BatchSource other = source;
  EXPECT_EQ(numbers(other(33)), forward[33]);
  EXPECT_EQ(numbers(source(2)), forward[2]);
  EXPECT_NE(numbers(Batches(d, 7, Random(7))(0)), forward[0]);
}

TEST(Batches, WholeSetsAndSingleExamples) {
  Batches whole(xor_set(), 4, Random(1)), single(xor_set(), 1, Random(1));
  EXPECT_EQ(whole(1000000).inputs.shape(), Shape({4, 2}));
  EXPECT_EQ(single.per_epoch(), 4);
  EXPECT_EQ(single(3).labels.shape(), Shape({1}));
}

TEST(Batches, PixelsAreScaled) {
  Dataset d{"pixels", empty({256, 1, 1, 3}, DType::u8), arange(256), {}};
  for (std::int64_t i = 0; i < 768; ++i) d.inputs.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i / 3);
  Batches plain(d, 256, Random(1)), scaled(d, 10, Random(1), {.mean = {0.5}, .deviation = {0.25}});
  const Batch b = plain(0);
  EXPECT_EQ(b.inputs.shape(), Shape({256, 1, 1, 3}));
  for (std::int64_t i = 0; i < 768; ++i)
    ASSERT_EQ(b.inputs.data<float>()[i], static_cast<float>(b.labels.at(i / 3)) / 255.0f);
  const Batch s = scaled(3);
  for (std::int64_t i = 0; i < 30; ++i) ASSERT_NEAR(s.inputs.at(i), (s.labels.at(i / 3) / 255 - 0.5) / 0.25, 1e-6);
}

TEST(Batches, Refuses) {
  EXPECT_MESSAGE(Batches(xor_set(), 5, Random(1)), "batches: 5 examples a batch of a dataset with 4; take 1 to 4");
  EXPECT_MESSAGE(Batches(xor_set(), 0, Random(1)), "batches: 0 examples a batch");
  EXPECT_MESSAGE(Batches(xor_set(), 2, Random(1))(-1), "batches: iteration -1; they count from 0");
}

TEST(Batches, ThreadsShareADataset) {
  const Dataset d = counting(500);
  auto trace = [&](int seed) {
    Batches batches(d, 9, Random(seed));
    std::vector<std::int64_t> all;
    for (int i = 0; i < 300; ++i)
      for (std::int64_t j : numbers(batches(i))) all.push_back(j);
    return all;
  };
  std::vector<std::vector<std::int64_t>> alone, together(4);
  for (int s = 0; s < 4; ++s) alone.push_back(trace(s));
  {
    std::vector<std::jthread> threads;
    for (int s = 0; s < 4; ++s) threads.emplace_back([&, s] { together[s] = trace(s); });
  }
  EXPECT_EQ(alone, together);
}

// Prints the cost of a batch of 60 from 60,000 images of 784 pixels, as in training on MNIST; the README quotes it.
TEST(Cost, Batch) {
  const std::int64_t n = 60000, per_epoch = 1000;
  Dataset d{"as large as MNIST", empty({n, 1, 28, 28}, DType::u8), zeros({n}, DType::i64), {}};
  auto x = d.inputs.mutable_data<std::uint8_t>();
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  Batches batches(d, 60, Random(1));
  batches(0);
  batches(per_epoch);  // warm: the orders of two epochs have been allocated
  const std::uint64_t before = pool_system_allocations();
  std::vector<double> first, later;  // microseconds, of an epoch's first batch and of the others
  for (std::int64_t i = 0; i < 15 * per_epoch; i += i % per_epoch < 200 ? 1 : per_epoch - 200) {
    const auto begin = std::chrono::steady_clock::now();
    const Batch b = batches(i);
    (i % per_epoch == 0 ? first : later)
        .push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  if (!test::sanitized) { EXPECT_EQ(pool_system_allocations(), before); }
  auto median = [](std::vector<double>& v) {
    std::ranges::nth_element(v, v.begin() + v.size() / 2);
    return v[v.size() / 2];
  };
  fmt::print(
      "a batch of 60 images: {:.1f} microseconds; an epoch's first, which draws its order: {:.0f} (medians of {} and "
      "{})\n",
      median(later), median(first), later.size(), first.size());
}

}  // namespace
}  // namespace bonsai::datasets
