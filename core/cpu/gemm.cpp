// A product of matrices, from the inside out:
//
//   micro     R rows of A times one panel of B (a few vectors wide), for K steps: micro.h. A is read where it lies.
//   panel     B is copied once into panels, so that each step's vectors are neighbours, and cut into blocks of K steps that stay
//             in the first-level cache while all rows pass by.
//   tile      48 rows times one panel: the unit of work of parallel_for.
//
// Copying costs the more the less neighbouring columns of B are neighbours in memory; since C = A B and Cᵀ = Bᵀ Aᵀ, either
// operand can be the one that is copied, and a small model of the cost picks. (After Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", 2008, without copying A: at the sizes of these networks its rows fit as they are.)
#include "core/cpu/gemm.h"

#include <algorithm>

#include "core/cpu/micro.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {
namespace {

constexpr std::int64_t rows_per_tile = 8 * tile_rows;

// Rows p0..p1 of the panel of B that starts at column j, side by side; columns past the edge are 0.
template <class T>
void pack(Matrix<const T> b, std::int64_t p0, std::int64_t p1, std::int64_t j, std::int64_t columns, T* to) {
  constexpr int panel = panel_columns<T>;
  if (b.column == 1) {
    for (std::int64_t p = p0; p < p1; ++p, to += panel) {
      const T* from = b.data + p * b.row + j;
      if (columns == panel)
        for (int i = 0; i < panel; ++i) to[i] = from[i];
      else
        for (int i = 0; i < panel; ++i) to[i] = i < columns ? from[i] : T(0);
    }
    return;
  }
  for (std::int64_t i = 0; i < panel; ++i) {  // along B's own rows, which are these columns
    const T* from = b.data + (j + i) * b.column;
    T* column = to + i;
    if (i < columns)
      for (std::int64_t p = p0; p < p1; ++p) column[(p - p0) * panel] = from[p * b.row];
    else
      for (std::int64_t p = p0; p < p1; ++p) column[(p - p0) * panel] = T(0);
  }
}

}  // namespace

template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<const T> bias, Matrix<T> c) {
  constexpr int panel = panel_columns<T>;
  if (m == 0 || n == 0) return;

  // Time a step of k takes when the operand with `columns` columns is copied and meets `rows` rows: multiplying is one unit a
  // number; copying 2 when columns are neighbours, else 32.
  auto cost = [](std::int64_t columns, bool neighbours, std::int64_t rows) {
    return (columns + panel - 1) / panel * panel * (rows + (neighbours ? 2 : 32));
  };
  if (cost(m, a.row == 1, n) < cost(n, b.column == 1, m)) return gemm<T>(n, m, k, b.transposed(), a.transposed(), bias.transposed(), c.transposed());

  const std::int64_t panels = (n + panel - 1) / panel, blocks = std::max<std::int64_t>(1, (k + k_block - 1) / k_block);
  Scratch<T> packed(panels * panel * std::max<std::int64_t>(k, 1));
  auto block = [&](std::int64_t j, std::int64_t p) { return packed.data() + j * panel * k + p * k_block * panel; };
  parallel_for(panels * blocks, [&](std::int64_t tile) {
    const std::int64_t j = tile / blocks, p = tile % blocks;
    pack(b, p * k_block, std::min(k, (p + 1) * k_block), j * panel, std::min<std::int64_t>(panel, n - j * panel), block(j, p));
  });

  const std::int64_t groups = (m + rows_per_tile - 1) / rows_per_tile;
  parallel_for(panels * groups, [&](std::int64_t tile) {
    const std::int64_t j = tile / groups, i0 = tile % groups * rows_per_tile, i1 = std::min(m, i0 + rows_per_tile);
    alignas(64) T sums[rows_per_tile * panel];
    for (std::int64_t p = 0; p < blocks; ++p) {
      const std::int64_t steps = std::min<std::int64_t>(k_block, k - p * k_block);
      for (std::int64_t i = i0; i < i1; i += tile_rows) {
        const int rows = static_cast<int>(std::min<std::int64_t>(tile_rows, i1 - i));
        const T* from = a.data + i * a.row + p * k_block * a.column;
        if (a.column == 1) micro_rows<T, 1>(rows, steps, from, a.row, 1, PackedPanel<T>{block(j, p)}, sums + (i - i0) * panel, p == 0);
        else micro_rows<T, 0>(rows, steps, from, a.row, a.column, PackedPanel<T>{block(j, p)}, sums + (i - i0) * panel, p == 0);
      }
    }
    const std::int64_t columns = std::min<std::int64_t>(panel, n - j * panel);
    auto store = [&](std::int64_t i, std::int64_t q) {
      const std::int64_t jq = j * panel + q;
      const T value = sums[(i - i0) * panel + q];
      c.data[i * c.row + jq * c.column] = bias.data ? value + bias.data[i * bias.row + jq * bias.column] : value;
    };
    if (c.column == 1)
      for (std::int64_t i = i0; i < i1; ++i)
        for (std::int64_t q = 0; q < columns; ++q) store(i, q);
    else
      for (std::int64_t q = 0; q < columns; ++q)
        for (std::int64_t i = i0; i < i1; ++i) store(i, q);
  });
}

template void gemm<float>(std::int64_t, std::int64_t, std::int64_t, Matrix<const float>, Matrix<const float>, Matrix<const float>, Matrix<float>);
template void gemm<double>(std::int64_t, std::int64_t, std::int64_t, Matrix<const double>, Matrix<const double>, Matrix<const double>, Matrix<double>);

namespace {
template <class T>
Matrix<T> matrix(const View& v, std::int64_t offset) {
  const int r = v.shape.rank();
  return {static_cast<T*>(v.data) + offset, v.strides[r - 2], v.strides[r - 1]};
}
}  // namespace

void matmul(View a, View b, View c) {
  on_real(a.dtype, [&]<class T>() {
    const int r = c.shape.rank() - 2;
    std::int64_t batch = 1;
    for (int i = 0; i < r; ++i) batch *= c.shape[i];
    for (std::int64_t g = 0; g < batch; ++g) {
      std::int64_t at[3] = {0, 0, 0}, index = g;
      for (int i = r - 1; i >= 0; --i) {
        const std::int64_t digit = index % c.shape[i];
        index /= c.shape[i];
        at[0] += digit * a.strides[i];
        at[1] += digit * b.strides[i];
        at[2] += digit * c.strides[i];
      }
      gemm<T>(c.shape[r], c.shape[r + 1], a.shape[r + 1], matrix<const T>(a, at[0]), matrix<const T>(b, at[1]), {nullptr, 0, 0}, matrix<T>(c, at[2]));
    }
  });
}

void linear(View x, View w, View bias, View y) {
  on_real(x.dtype, [&]<class T>() {
    gemm<T>(y.shape[0], y.shape[1], x.shape[1], matrix<const T>(x, 0), matrix<const T>(w, 0).transposed(), {bias.as<const T>(), 0, 1}, matrix<T>(y, 0));
  });
}

}  // namespace bonsai::BONSAI_ISA
