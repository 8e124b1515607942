// Every rung of the two ladders in the emulator against a product in f64: all elements, outputs poisoned, sizes that divide no tile. And the places of fragments.
#include <array>
#include <cmath>
#include <set>
#include <stdexcept>
#include <vector>

#include "core/random.h"
#include "core/sparse.h"
#include "core/sparse24/hardware.h"
#include "cuda/gemm/gemm.h"
#include "cuda/mma/fragments.h"
#include "cuda/sparse24/sparse24.h"
#include "prune/nm/nm.h"
#include "tests/cuda/support.h"

namespace bonsai::cuda {
namespace {

TEST(Fragments, EveryElementHasOnePlace) {
  auto covers = [](auto place, int elements, int rows, int columns) {
    std::set<std::pair<int, int>> seen;
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < elements; ++i) {
        const Place p = place(lane, i);
        EXPECT_TRUE(p.row >= 0 && p.row < rows && p.column >= 0 && p.column < columns);
        EXPECT_TRUE(seen.insert({p.row, p.column}).second) << lane << " " << i;
      }
    EXPECT_EQ(static_cast<int>(seen.size()), rows * columns);
  };
  covers(a_place, 8, 16, 16);
  covers(b_place, 4, 16, 8);
  covers(b_place, 8, 32, 8);
  covers(c_place, 4, 16, 8);
}

template <class T>
struct Matrix {
  int rows, columns;
  std::vector<T> values;
  std::vector<double> exact;  // what the values are
  Matrix(int r, int c, const Random& random) : rows(r), columns(c), values(static_cast<std::size_t>(r) * c), exact(values.size()) {
    const Tensor t = random.derive("m").normal({r, c});
    for (std::size_t i = 0; i < values.size(); ++i) from_float(t.data<float>()[i], values[i]), exact[i] = to_float(values[i]);
  }
};

// |got - want| <= 8 u sqrt(k) (|A||B|), u the f32 sums' unit roundoff; written so that NaN fails.
void expect_product(const std::vector<double>& a, const std::vector<double>& b, const std::vector<float>& c, int m, int n, int k, const std::string& what) {
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double want = 0, size = 0;
      for (int x = 0; x < k; ++x) {
        const double p = a[static_cast<std::size_t>(i) * k + x] * b[static_cast<std::size_t>(j) * k + x];
        want += p, size += std::abs(p);
      }
      const double got = c[static_cast<std::size_t>(i) * n + j];
      if (!(std::abs(got - want) <= 8 * 0x1p-24 * std::sqrt(static_cast<double>(k)) * size)) {
        ADD_FAILURE() << what << " " << m << " x " << n << " x " << k << ": element " << i << ", " << j << " is " << got << ", should be " << want;
        return;
      }
    }
}

using Sizes = std::array<int, 3>;  // m, n, k

template <class T>
void check_dense(const char* name, void (*gemm)(const T*, const T*, float*, int, int, int, Stream), const std::vector<Sizes>& sizes) {
  for (const auto& [m, n, k] : sizes) {
    const Random random(static_cast<std::uint64_t>(m * 1000 + k));
    const Matrix<T> a(m, k, random.derive("a")), b(n, k, random.derive("b"));
    std::vector<float> c(static_cast<std::size_t>(m) * n, std::nanf(""));
    gemm(a.values.data(), b.values.data(), c.data(), m, n, k, Stream{});
    expect_product(a.exact, b.exact, c, m, n, k, name);
  }
}

template <class T>
void check_dense_ladder() {
  check_dense<T>("naive", gemm_naive<T>, {{1, 1, 1}, {33, 19, 79}, {16, 16, 16}});
  check_dense<T>("tiled", gemm_tiled<T>, {{1, 1, 1}, {33, 19, 79}, {64, 64, 16}, {65, 130, 33}});
  for (const bool piped : {false, true})
    check_dense<T>(piped ? "pipelined" : "mma", piped ? gemm_pipelined<T> : gemm_mma<T>, {{1, 1, 8}, {33, 19, 80}, {128, 128, 32}, {130, 140, 104}, {17, 257, 56}});
  check_dense<T>("hopper", gemm_hopper<T>, {{1, 1, 8}, {33, 19, 80}, {128, 256, 64}, {130, 517, 328}, {300, 257, 136}});
}
TEST(DenseLadder, F16) { NEEDS_EMULATOR(); check_dense_ladder<F16>(); }
TEST(DenseLadder, Bf16) { NEEDS_EMULATOR(); check_dense_ladder<Bf16>(); }

// Pruned and packed by the kernels, which must do what the CPU does; then multiplied.
template <class T>
struct Sparse {
  Matrix<T> dense;
  std::vector<double> exact;  // with zeros
  std::vector<T> values;
  std::vector<std::uint8_t> positions;
  std::vector<std::uint32_t> words;
  Sparse(int m, int k, const Random& random) : dense(m, k, random), values(static_cast<std::size_t>(m) * k / 2), positions(static_cast<std::size_t>(m) * ((k + 7) / 8), 0xff) {
    for (std::size_t i = 0; i + 1 < dense.values.size(); i += 7) dense.values[i + 1].bits = static_cast<std::uint16_t>(dense.values[i].bits ^ 0x8000);  // ties
    for (std::size_t i = 0; i < dense.values.size(); ++i) dense.exact[i] = to_float(dense.values[i]);
    prune_and_pack_24(dense.values.data(), values.data(), positions.data(), m, k, Stream{});
    Tensor magnitudes = empty({m, k}, DType::f64);
    for (std::size_t i = 0; i < dense.exact.size(); ++i) magnitudes.mutable_data<double>()[i] = std::abs(dense.exact[i]);
    const Tensor mask = prune::nm_mask("w", magnitudes, {2, 4});
    const PatternRef pattern = pattern_of(mask);
    EXPECT_TRUE(std::ranges::equal(positions, pattern->positions()));
    exact = dense.exact;
    std::size_t next = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      if (!mask.data<std::uint8_t>()[i]) exact[i] = 0;
      else EXPECT_EQ(values[next++].bits, dense.values[i].bits);
    }
    if (m % 32 == 0 && k % 32 == 0) {
      words.resize(static_cast<std::size_t>(m) * k / 32);
      reorder_24(positions.data(), words.data(), m, k, Stream{});
      EXPECT_EQ(words, hardware_positions(m, k, positions));
    }
  }
  Packed24<T> packed() const { return {dense.rows, dense.columns, values.data(), positions.data(), words.data()}; }
};

template <class T>
void check_sparse(const char* name, void (*rung)(const Packed24<T>&, const T*, float*, int, Stream), const std::vector<Sizes>& sizes) {
  for (const auto& [m, n, k] : sizes) {
    const Random random(static_cast<std::uint64_t>(m * 1000 + k));
    const Sparse<T> a(m, k, random.derive("a"));
    const Matrix<T> b(n, k, random.derive("b"));
    std::vector<float> c(static_cast<std::size_t>(m) * n, std::nanf(""));
    rung(a.packed(), b.values.data(), c.data(), n, Stream{});
    expect_product(a.exact, b.exact, c, m, n, k, name);
  }
}

template <class T>
void check_sparse_ladder() {
  check_sparse<T>("naive", sparse24_naive<T>, {{1, 1, 4}, {33, 19, 76}, {16, 16, 16}});
  check_sparse<T>("tiled", sparse24_tiled<T>, {{1, 1, 4}, {33, 19, 76}, {64, 64, 32}, {65, 130, 68}});
  for (const bool piped : {false, true})
    check_sparse<T>(piped ? "pipelined" : "mma", piped ? sparse24_pipelined<T> : sparse24_mma<T>, {{32, 1, 32}, {32, 19, 96}, {128, 128, 64}, {160, 140, 224}});
  check_sparse<T>("hopper", sparse24_hopper<T>, {{32, 1, 32}, {32, 19, 96}, {256, 128, 128}, {288, 261, 544}, {544, 130, 160}});
}
TEST(SparseLadder, F16) { NEEDS_EMULATOR(); check_sparse_ladder<F16>(); }
TEST(SparseLadder, Bf16) { NEEDS_EMULATOR(); check_sparse_ladder<Bf16>(); }

template <class F>
void expect_says(F f, const std::string& what) {
  try {
    f();
    ADD_FAILURE() << "accepted, should say: " << what;
  } catch (const std::invalid_argument& e) { EXPECT_NE(std::string(e.what()).find(what), std::string::npos) << e.what(); }
}
TEST(Ladders, WhatDoesNotFitIsRefused) {
  NEEDS_EMULATOR();
  F16 x{};
  float c = 0;
  std::uint8_t p = 0;
  std::uint32_t w = 0;
  expect_says([&] { gemm_mma(&x, &x, &c, 1, 1, 4, Stream{}); }, "multiple of 8");
  expect_says([&] { gemm_pipelined(&x, &x, &c, 1, 1, 12, Stream{}); }, "multiple of 8");
  for (const int k : {12, 0}) expect_says([&] { gemm_hopper(&x, &x, &c, 1, 1, k, Stream{}); }, "multiple of 8");
  expect_says([&] { prune_and_pack_24(&x, &x, &p, 1, 6, Stream{}); }, "multiple of 4");
  expect_says([&] { reorder_24(&p, &w, 16, 32, Stream{}); }, "multiples of 32");
  for (const auto& f : {sparse24_mma<F16>, sparse24_pipelined<F16>, sparse24_hopper<F16>}) {
    expect_says([&] { f({16, 32, &x, &p, &w}, &x, &c, 1, Stream{}); }, "multiples of 32");
    expect_says([&] { f({32, 48, &x, &p, &w}, &x, &c, 1, Stream{}); }, "multiples of 32");
  }
  for (const auto& f : {sparse24_naive<F16>, sparse24_tiled<F16>}) expect_says([&] { f({1, 6, &x, &p, &w}, &x, &c, 1, Stream{}); }, "multiple of 4");
}

}  // namespace
}  // namespace bonsai::cuda
