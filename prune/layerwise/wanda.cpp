#include "prune/layerwise/wanda.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "core/parallel.h"
#include "prune/select.h"

namespace bonsai::prune {

Tensor wanda_scores(const Tensor& w, const Tensor& input_norms) {
  require(w.rank() >= 2 && is_floating(w.dtype()), "wanda: needs a weight (out, in, ...) of real numbers, got {} {}", name(w.dtype()), w.shape());
  const std::int64_t rows = w.size(0), columns = contiguous_strides(w.shape())[0];
  require(input_norms.dtype() == DType::f64 && input_norms.shape() == Shape{columns}, "wanda: the weight {} needs the norms of its {} inputs in f64, got {} {}",
          w.shape(), columns, name(input_norms.dtype()), input_norms.shape());
  Tensor scores = empty(w.shape(), DType::f64);
  double* s = scores.mutable_data<double>().data();
  const double* x = input_norms.data<double>().data();
  dispatch_floating("wanda", w.dtype(), [&]<class T>() {
    const T* from = w.data<T>().data();
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) s[i * columns + j] = std::abs(static_cast<double>(from[i * columns + j])) * x[j];  // (wanda.1)
  });
  return scores;
}

Tensor keep_by_row(const std::string& name, const Tensor& scores, const LayerAmount& a, const Tensor& mask) {
  if (a.pattern) return nm_mask(name, scores, *a.pattern, mask);
  require(scores.rank() >= 2, "\"{}\" {} has no rows to compare scores in", name, scores.shape());
  require(!mask.defined() || (mask.shape() == scores.shape() && mask.dtype() == DType::u8), "\"{}\": the mask does not fit the scores {}; it must be u8 of that shape",
          name, scores.shape());
  const std::int64_t rows = scores.size(0), columns = contiguous_strides(scores.shape())[0], remove = count(a.sparsity, columns);
  const Shape matrix{rows, columns};
  const Tensor s = reshape(scores.detach(), matrix), given = mask.defined() ? reshape(mask, matrix) : Tensor();
  Tensor out = empty(scores.shape(), DType::u8);
  std::uint8_t* to = out.mutable_data<std::uint8_t>().data();
  parallel_for(rows, [&](std::int64_t i) {
    Candidate row{fmt::format("{}[{}]", name, i), slice(s, 0, i, i + 1), given.defined() ? slice(given, 0, i, i + 1) : Tensor()};
    std::int64_t gone = 0;
    if (given.defined()) {
      const auto m = row.mask.data<std::uint8_t>();
      gone = std::count(m.begin(), m.end(), std::uint8_t{0});
    }
    const Tensor kept = remove_lowest({row}, std::max<std::int64_t>(0, remove - gone))[0];
    std::ranges::copy(kept.data<std::uint8_t>(), to + i * columns);
  });
  return out;
}

}  // namespace bonsai::prune
