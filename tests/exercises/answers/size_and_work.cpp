// hint: sum(mask) of a u8 mask is an i64 tensor of one element; .item() is the number.
// reference: prune/report.cpp (rep.2)
#include "core/ops.h"

using namespace bonsai;

std::vector<double> size_and_work(const Tensor& conv, const Tensor& linear, std::int64_t positions) {
  const double biases = static_cast<double>(conv.size(0) + linear.size(0)), p = static_cast<double>(positions);
  const double c = static_cast<double>(conv.numel()), l = static_cast<double>(linear.numel()), kept_c = sum(conv).item(), kept_l = sum(linear).item();
  return {(c + l + biases) / (kept_c + kept_l + biases), (p * c + l) / (p * kept_c + kept_l)};
}
