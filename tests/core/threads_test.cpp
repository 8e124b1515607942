// The same bits at 1, 2, 3 and 8 threads, for every operation of the table and both optimizers; and parallel_for itself.
#include <atomic>
#include <thread>

#include "core/backend.h"
#include "core/parallel.h"
#include "core/random.h"
#include "tests/core/check.h"
#include "tests/core/operations.h"

namespace bonsai::check {
namespace {

struct Threads {  // n threads for a scope
  explicit Threads(int n) { set_threads(n); }
  ~Threads() { set_threads(1); }
};

class SameBits : public ::testing::TestWithParam<Row> {};
TEST_P(SameBits, AtAnyNumberOfThreads) {
  const Row& row = GetParam();
  for (DType t : {DType::f32, DType::f64}) {
    std::vector<Tensors> want;
    for (const Shapes& shapes : row.shapes) want.push_back(evaluate(row, shapes, t, false));
    for (int n : {2, 3, 8}) {
      Threads scope(n);
      for (std::size_t k = 0; k < want.size(); ++k) {
        const Tensors got = evaluate(row, row.shapes[k], t, false);
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_TRUE(same_bits(got[i], want[k][i])) << n << " threads, " << str(row.shapes[k][0]);
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Core, SameBits, ::testing::ValuesIn(operations()), [](const auto& info) { return info.param.name; });

TEST(SameBitsOf, LargeProductsOptimizersAndRandomNumbers) {
  auto everything = [](DType t) {
    const std::int64_t n = 100001;
    Tensor w = sample({n}, t), g = sample({n}, t, {}, 1), m = zeros({n}, t), v = zeros({n}, t), mask = sample({n}, t, {0, 1, false, DType::u8});
    const Tensor rate = tensor({0.01}), step = tensor<std::int64_t>({3});
    const Backend& b = cpu_backend();
    b.adam({0.9, 0.999, 1e-8, 0.1, true}, view_for_writing(w), view(g), view_for_writing(m), view_for_writing(v), view(mask), view(rate), view(step));
    Tensors out{clone(w), clone(m), clone(v)};
    b.sgd({0.9, 0.1, true}, view_for_writing(w), view(g), view_for_writing(v), view(mask), view(rate));
    out.push_back(w);
    out.push_back(Random(1).normal({n}, 0, 1, t));
    out.push_back(Random(1).uniform({n}, 0, 1, t));
    out.push_back(matmul(sample({301, 517}, t), sample({517, 203}, t)));
    out.push_back(linear(sample({100, 784}, t), sample({300, 784}, t), sample({300}, t)));
    out.push_back(sum(sample({300, 1001}, t), {0}));
    return out;
  };
  for (DType t : {DType::f32, DType::f64}) {
    const Tensors want = everything(t);
    for (int n : {2, 3, 8}) {
      Threads scope(n);
      const Tensors got = everything(t);
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(same_bits(got[i], want[i])) << "result " << i << " at " << n << " threads";
    }
  }
}

TEST(ParallelFor, EveryTileOnce) {
  for (int n : {1, 2, 3, 8}) {
    Threads scope(n);
    EXPECT_EQ(threads(), n);
    for (std::int64_t tiles : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> visits(tiles);
      parallel_for(tiles, [&](std::int64_t i) { ++visits[i]; });
      for (auto& v : visits) ASSERT_EQ(v, 1);
    }
  }
  EXPECT_EQ(threads(), 1);
  EXPECT_GE(hardware_threads(), 1);
}

TEST(ParallelFor, ExceptionsReachTheCallerAndTheTeamLivesOn) {
  for (int n : {1, 2, 8}) {
    Threads scope(n);
    for (int round = 0; round < 20; ++round) {
      EXPECT_TRUE(refuses([&] { parallel_for(100, [](std::int64_t i) { require(i != 37, "tile {}", i); }); }, {"tile 37"}));
      EXPECT_THROW(parallel_for(8, [](std::int64_t) { throw 5; }), int) << "when all tiles throw, one is thrown on";
      std::atomic<int> done = 0;
      parallel_for(100, [&](std::int64_t) { ++done; });
      EXPECT_EQ(done, 100);
    }
  }
}

TEST(ParallelFor, NestedRunsInTheThreadThatMeetsIt) {
  Threads scope(3);
  std::atomic<int> inner = 0, foreign = 0, refused = 0;
  parallel_for(20, [&](std::int64_t) {
    const auto self = std::this_thread::get_id();
    try {
      set_threads(2);  // would end the team that is at work
    } catch (const Error&) {
      ++refused;
    }
    parallel_for(10, [&](std::int64_t) {
      ++inner;
      if (std::this_thread::get_id() != self) ++foreign;
    });
  });
  EXPECT_EQ(inner, 200);
  EXPECT_EQ(foreign, 0);
  EXPECT_EQ(refused, 20);
  EXPECT_EQ(threads(), 3);
}

TEST(ParallelFor, CallersHaveTeamsOfTheirOwn) {  // two trainings side by side
  std::vector<std::jthread> trainings;
  std::vector<double> results(3);
  for (int t = 0; t < 3; ++t)
    trainings.emplace_back([t, &results] {
      set_threads(1 + t);
      const Tensor a = sample({130, 130}, DType::f64).requires_grad(true);
      for (int i = 0; i < 10; ++i) results[t] = sum(grad(sum(tanh(matmul(a, a))), {a})[0]).item();
    });
  trainings.clear();
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

}  // namespace
}  // namespace bonsai::check
