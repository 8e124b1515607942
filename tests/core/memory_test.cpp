// Memory: after the first steps a training step asks the system for nothing, neither through the pool nor through operator new.
#include "core/memory.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <thread>

#include "core/backend.h"
#include "core/parallel.h"
#include "tests/core/check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BONSAI_SANITIZED 1  // sanitizers bring an operator new of their own, and the pool gives up reuse
#endif

namespace {
std::atomic<std::uint64_t> news{0};
}
#ifndef BONSAI_SANITIZED
// This program's operator new counts; the rest of the standard library goes through it.
void* operator new(std::size_t n) {
  news.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

namespace bonsai::check {
namespace {

// LeNet-300-100 with masked Adam, written with core alone.
struct Training {
  Tensor x = sample({60, 784}, DType::f32), labels = sample({60}, DType::f32, {0, 10, false, DType::i64});
  Tensor rate = tensor({0.001}), step = tensor<std::int64_t>({1});
  Tensors w, m, v, mask;
  Training() {
    for (const Shape& s : {Shape{300, 784}, {300}, {100, 300}, {100}, {10, 100}, {10}}) {
      w.push_back(sample(s, DType::f32, {-0.05, 0.05}, static_cast<int>(w.size())).requires_grad(true));
      m.push_back(zeros(s));
      v.push_back(zeros(s));
      mask.push_back(sample(s, DType::f32, {0, 1, false, DType::u8}));
    }
  }
  void train() {
    const Tensor h1 = relu(linear(x, w[0], w[1])), h2 = relu(linear(h1, w[2], w[3]));
    const Tensors g = grad(cross_entropy(linear(h2, w[4], w[5]), labels), w);
    for (std::size_t i = 0; i < w.size(); ++i)
      cpu_backend().adam({0.9, 0.999, 1e-8, 0, false}, view_for_writing(w[i]), view(g[i]), view_for_writing(m[i]), view_for_writing(v[i]),
                         view(mask[i]), view(rate), view(step));
    step.mutable_data<std::int64_t>()[0] += 1;
  }
};

TEST(Memory, ATrainingStepAllocatesNothing) {
#ifdef BONSAI_SANITIZED
  GTEST_SKIP() << "under a sanitizer the pool does not reuse blocks";
#endif
  for (int n : {1, 2}) {
    set_threads(n);
    Training t;
    for (int i = 0; i < 3; ++i) t.train();
    const std::uint64_t blocks = pool_system_allocations(), calls = news;
    for (int i = 0; i < 5; ++i) t.train();
    EXPECT_EQ(pool_system_allocations() - blocks, 0u) << n << " threads";
    EXPECT_EQ(news - calls, 0u) << n << " threads: calls of operator new in five steps";
  }
  set_threads(1);
}

TEST(Memory, BlocksAreAlignedAndApart) {
  std::vector<std::pair<char*, std::size_t>> blocks;
  for (std::size_t n : {0, 1, 63, 64, 65, 80, 81, 127, 128, 129, 1000, 4096, 100001}) {
    char* p = static_cast<char*>(pool_allocate(n));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(p) % 64, 0u) << n;
    std::fill_n(p, n, static_cast<char>(blocks.size() + 1));
    blocks.emplace_back(p, n);
  }
  for (std::size_t b = 0; b < blocks.size(); ++b)
    for (std::size_t i = 0; i < blocks[b].second; ++i) ASSERT_EQ(blocks[b].first[i], static_cast<char>(b + 1));
  for (auto [p, n] : blocks) pool_release(p, n);
}

TEST(Memory, LiveBytesAreThoseThatWereAskedFor) {
  const std::int64_t before = pool_live_bytes();
  void* a = pool_allocate(1000);
  void* b = pool_allocate(std::size_t{300} << 20);  // too large for the lists
  EXPECT_EQ(pool_live_bytes() - before, 1000 + (std::int64_t{300} << 20));
  pool_release(a, 1000);
  EXPECT_EQ(pool_live_bytes() - before, std::int64_t{300} << 20);
  pool_release(b, std::size_t{300} << 20);
  pool_release(nullptr, 5);
  EXPECT_EQ(pool_live_bytes(), before);
  {
    const Tensor x = zeros({100, 100}), y = x;  // two handles, one array
    EXPECT_GE(pool_live_bytes() - before, 40000);
    EXPECT_LT(pool_live_bytes() - before, 41000);
  }
  EXPECT_EQ(pool_live_bytes(), before);
}

TEST(Memory, GraphsAreGivenBack) {  // no node holds itself: what a loop makes, the next round reuses
#ifdef BONSAI_SANITIZED
  GTEST_SKIP() << "under a sanitizer the pool does not reuse blocks; its leak check does this test's work";
#endif
  const Tensor x = sample({50, 50}, DType::f64).requires_grad(true);
  auto round = [&] { grad(sum(tanh(grad(sum(softmax(matmul(x, x))), {x}, {.create_graph = true})[0])), {x}); };
  for (int i = 0; i < 3; ++i) round();
  const std::uint64_t before = pool_system_allocations();
  for (int i = 0; i < 50; ++i) round();
  EXPECT_EQ(pool_system_allocations(), before);
}

// Made before the thread's pool and so ended after it: its tensors must find a way back to the system, once.
struct Holder {
  std::optional<Tensor> kept;
  Tensors graph;
  ~Holder() {  // runs when the pool is gone: a block now comes from the system, not from the lists of the dead
    const std::uint64_t before = pool_system_allocations();
    pool_release(pool_allocate(64), 64);
    pool_release(pool_allocate(64), 64);
    EXPECT_EQ(pool_system_allocations() - before, 2u);
  }
};
TEST(Memory, TensorsMayOutliveTheirThreadsPool) {
  for (int round = 0; round < 20; ++round)
    std::thread([] {
      thread_local Holder holder;
      holder.kept.reset();
      holder.kept = ones({100, 100}).requires_grad(true);
      for (int i = 0; i < 10; ++i) holder.graph.push_back(*holder.kept * 2.0 + 1.0);
      holder.graph.erase(holder.graph.begin() + 2, holder.graph.end());  // leaves blocks in the pool, too
    }).join();
}

TEST(Memory, BlocksMayChangeThreads) {
  Tensor made;
  std::thread([&] { made = sample({300, 300}, DType::f32); }).join();
  const double total = sum(made).item();
  std::thread([t = std::move(made), total] { EXPECT_EQ(sum(t).item(), total); }).join();
}

}  // namespace
}  // namespace bonsai::check
