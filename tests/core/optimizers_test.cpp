// The optimizer kernels: cpu against reference over many steps, and pruned entries that stay pruned whatever reaches them. (The rules
// themselves are held against PyTorch in golden_test.cpp.)
#include <cmath>

#include "core/backend.h"
#include "tests/core/check.h"

namespace bonsai::check {
namespace {

// One weight with everything an optimizer keeps for it. The mask removes every third entry.
struct State {
  Tensor w, g, m, v, mask;
  State(std::int64_t n, DType t, bool masked) : w(sample({n}, t)), g(sample({n}, t, {}, 1)), m(sample({n}, t, {}, 2)), v(sample({n}, t, {0.1, 1}, 3)) {
    if (!masked) return;
    mask = ones({n}, DType::u8);
    for (std::int64_t i = 0; i < n; i += 3) mask.mutable_data<std::uint8_t>()[i] = 0;
  }
  View mask_view() const { return mask.defined() ? view(mask) : View{}; }
  void sgd(const Backend& b, SgdConstants c) {
    const Tensor rate = tensor({0.05});
    b.sgd(c, view_for_writing(w), view(g), c.momentum > 0 ? view_for_writing(v) : View{}, mask_view(), view(rate));
  }
  void adam(const Backend& b, AdamConstants c, std::int64_t step) {
    const Tensor rate = tensor({0.01}), count = tensor<std::int64_t>({step});
    b.adam(c, view_for_writing(w), view(g), view_for_writing(m), view_for_writing(v), mask_view(), view(rate), view(count));
  }
};

const std::int64_t sizes[] = {0, 1, 7, 33, 16383, 16384, 16385, 40000};

TEST(OptimizersOnBackends, SgdAgreesWithReference) {
  for (DType t : {DType::f32, DType::f64})
    for (bool masked : {false, true})
      for (SgdConstants c : {SgdConstants{0, 0, false}, {0, 0.1, false}, {0.9, 0, false}, {0.9, 0.1, true}})
        for (std::int64_t n : sizes) {
          State a(n, t, masked), b(n, t, masked);
          for (int step = 1; step <= 3; ++step) a.sgd(cpu_backend(), c), b.sgd(reference_backend(), c);
          const double tolerance = t == DType::f32 ? 2e-6 : 1e-14;
          ASSERT_TRUE(close(a.w, b.w, tolerance, tolerance)) << n << " " << name(t) << " masked " << masked;
          ASSERT_TRUE(close(a.v, b.v, tolerance, tolerance)) << n << " " << name(t) << " masked " << masked;
        }
}

TEST(OptimizersOnBackends, AdamAgreesWithReference) {
  for (DType t : {DType::f32, DType::f64})
    for (bool masked : {false, true})
      for (AdamConstants c : {AdamConstants{0.9, 0.999, 1e-8, 0, false}, {0.8, 0.95, 1e-6, 0.1, false}, {0.9, 0.999, 1e-8, 0.1, true}})
        for (std::int64_t n : sizes) {
          State a(n, t, masked), b(n, t, masked);
          for (int step = 1; step <= 3; ++step) a.adam(cpu_backend(), c, step), b.adam(reference_backend(), c, step);
          const double tolerance = t == DType::f32 ? 4e-6 : 1e-13;
          ASSERT_TRUE(close(a.w, b.w, tolerance, tolerance)) << n << " " << name(t) << " masked " << masked;
          ASSERT_TRUE(close(a.m, b.m, tolerance, tolerance)) << n;
          ASSERT_TRUE(close(a.v, b.v, tolerance, tolerance)) << n;
        }
}

// Momentum, decay, old state, even NaN and infinity: nothing moves or revives a pruned weight.
TEST(OptimizersOnBackends, PrunedEntriesStayAtZero) {
  for (const Backend* b : {&reference_backend(), &cpu_backend()})
    for (DType t : {DType::f32, DType::f64})
      for (int kind = 0; kind < 4; ++kind) {
        State s(1000, t, true);
        dispatch_floating("test", t, [&]<class T>() {
          for (int i = 0; i < 1000; i += 3) {
            s.g.mutable_data<T>()[i] = static_cast<T>(i % 2 ? NAN : INFINITY);
            if (i % 5 == 0) s.w.mutable_data<T>()[i] = s.m.mutable_data<T>()[i] = s.v.mutable_data<T>()[i] = static_cast<T>(NAN);
          }
        });
        for (int step = 1; step <= 2; ++step) {
          if (kind == 0) s.sgd(*b, {0.9, 0.1, false});
          if (kind == 1) s.sgd(*b, {0.9, 0.1, true});
          if (kind == 2) s.adam(*b, {0.9, 0.999, 1e-8, 0.1, false}, step);
          if (kind == 3) s.adam(*b, {0.9, 0.999, 1e-8, 0.1, true}, step);
        }
        for (int i = 0; i < 1000; ++i) {
          const bool pruned = i % 3 == 0;
          ASSERT_EQ(s.w.at(i) == 0, pruned) << b->name << " entry " << i << " kind " << kind << ": " << s.w.at(i);
          ASSERT_EQ(s.v.at(i) == 0, pruned) << b->name << " entry " << i << " kind " << kind;
          if (kind >= 2) {
            ASSERT_EQ(s.m.at(i) == 0, pruned) << b->name << " entry " << i;
          }
          ASSERT_TRUE(std::isfinite(s.w.at(i)) && std::isfinite(s.v.at(i))) << i;
        }
      }
}

TEST(OptimizersOnBackends, SgdWithoutMomentumPrunesToo) {
  for (const Backend* b : {&reference_backend(), &cpu_backend()}) {
    State s(9, DType::f32, true);
    fill(s.g, NAN);
    s.sgd(*b, {0, 0.1, false});
    for (int i = 0; i < 9; i += 3) EXPECT_EQ(s.w.at(i), 0) << b->name;
    EXPECT_TRUE(std::isnan(s.w.at(1))) << "an entry that is kept shows what reached it";
  }
}

}  // namespace
}  // namespace bonsai::check
