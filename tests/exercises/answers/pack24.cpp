// hint: The k-th kept entry of the row (k = 0, 1, ...) belongs into byte k / 4, shifted by 2 (k mod 4).
// reference: core/sparse24/positions.cpp std::vector<std::uint8_t> positions_24(
#include "core/ops.h"
#include "core/sparse.h"

using namespace bonsai;

namespace {
Tensor as_row(const std::vector<double>& row) { return tensor(std::span<const double>(row), {1, static_cast<std::int64_t>(row.size())}); }
}  // namespace

std::vector<double> kept_values(const std::vector<double>& row) {
  const Tensor w = as_row(row);
  return pack(w, *pattern_of(not_equal(w, zeros_like(w)))).to_vector<double>();
}

std::vector<std::uint8_t> positions(const std::vector<double>& row) {
  const Tensor w = as_row(row);
  return pattern_of(not_equal(w, zeros_like(w)))->positions();
}
