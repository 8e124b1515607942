// hint: index_select(x, indices, axis) takes rows (axis 0) or columns (axis 1) by number; indices is an i64 tensor of the kept units' numbers.
// hint: A pruned unit c adds W2_:,c f(0) to the output, whatever x is.
// reference: prune/structure/surgery.cpp CutResult cut(
#include "core/ops.h"

using namespace bonsai;

std::vector<Tensor> without_pruned(const Tensor& w1, const Tensor& b1, const Tensor& w2, const Tensor& b2, const std::vector<std::uint8_t>& kept, double f0) {
  std::vector<std::int64_t> stay, go;
  for (std::size_t i = 0; i < kept.size(); ++i) (kept[i] ? stay : go).push_back(static_cast<std::int64_t>(i));
  auto numbers = [](const std::vector<std::int64_t>& v) { return tensor(std::span<const std::int64_t>(v), {static_cast<std::int64_t>(v.size())}); };
  return {index_select(w1, numbers(stay), 0), index_select(b1, numbers(stay), 0), index_select(w2, numbers(stay), 1),
          b2 + sum(index_select(w2, numbers(go), 1), {1}) * f0};
}
