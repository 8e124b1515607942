// Loops over strided views, shared by the cpu backend's kernels: axes that can be walked as one are merged, so that most tensors
// become a single long loop, and the rest a short outer loop over long inner ones.
#pragma once
#include <algorithm>

#include "core/backend.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {

constexpr std::int64_t tile_elements = 16384;  // the work of one tile: big enough to outweigh starting it, small enough to share

template <int N>
struct Loops {
  int rank = 0;
  std::int64_t size[Shape::max_rank];
  std::int64_t stride[N][Shape::max_rank];

  Loops(const Shape& shape, const Shape* const (&strides)[N]) {
    for (int a = 0; a < shape.rank(); ++a) {
      if (shape[a] == 1) continue;
      bool merge = rank > 0;  // is the previous axis just this one continued, in every view?
      for (int v = 0; v < N; ++v) merge = merge && stride[v][rank - 1] == (*strides[v])[a] * shape[a];
      if (merge) size[rank - 1] *= shape[a];
      else size[rank++] = shape[a];
      for (int v = 0; v < N; ++v) stride[v][rank - 1] = (*strides[v])[a];
    }
    if (rank == 0) {  // one element
      size[rank++] = 1;
      for (int v = 0; v < N; ++v) stride[v][0] = 1;
    }
  }

  std::int64_t inner() const { return size[rank - 1]; }
  std::int64_t outer() const {
    std::int64_t n = 1;
    for (int a = 0; a + 1 < rank; ++a) n *= size[a];
    return n;
  }
  // Offset of view v at the k-th outer index.
  std::int64_t offset(int v, std::int64_t k) const {
    std::int64_t o = 0;
    for (int a = rank - 2; a > 0; --a) {
      o += k % size[a] * stride[v][a];
      k /= size[a];
    }
    return rank > 1 ? o + k * stride[v][0] : 0;
  }

  // run(offsets, n) for runs of the inner axis that together cover everything; runs are cut by shape alone.
  template <class F>
  void for_each_run(F&& run) const {
    const std::int64_t n = inner(), rows = outer();
    if (n == 0 || rows == 0) return;
    const std::int64_t pieces = (n + tile_elements - 1) / tile_elements;  // of one row
    const std::int64_t group = pieces > 1 ? 1 : std::max<std::int64_t>(1, tile_elements / n);
    const std::int64_t groups = (rows + group - 1) / group;
    parallel_for(groups * pieces, [&](std::int64_t tile) {
      const std::int64_t first = tile / pieces * group, last = std::min(first + group, rows);
      const std::int64_t begin = tile % pieces * tile_elements, length = std::min(n - begin, pieces > 1 ? tile_elements : n);
      for (std::int64_t k = first; k < last; ++k) {
        std::int64_t offsets[N];
        for (int v = 0; v < N; ++v) offsets[v] = offset(v, k) + begin * stride[v][rank - 1];
        run(offsets, length);
      }
    });
  }
};

}  // namespace bonsai::BONSAI_ISA
