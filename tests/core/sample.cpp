#include "tests/core/sample.h"

#include <cmath>

namespace bonsai::check {

Tensor sample(const Shape& shape, DType real, const Domain& d, int salt) {
  Tensor x = empty(shape, d.type == DType::f64 ? real : d.type);
  dispatch(x.dtype(), [&]<class T>() {
    auto out = x.mutable_data<T>();
    for (std::size_t i = 0; i < out.size(); ++i) {
      double whole;
      const double u = std::modf(0.6180339887498949 * static_cast<double>(i + 1) + 0.3719 * (salt + 1), &whole);
      const double inside = d.low + (d.high - d.low) * u;
      if (d.type == DType::u8) out[i] = u < 0.5;
      else if (d.type == DType::i64) out[i] = static_cast<T>(std::floor(inside));
      else out[i] = static_cast<T>(d.both_signs && i % 2 ? -inside : inside);
    }
  });
  return x;
}

Tensor weighted_sum(const Tensors& ts, int salt) {
  Tensor total;
  for (const Tensor& t : ts) {
    const Tensor part = sum(t * sample(t.shape(), t.dtype(), {-1, 1}, salt++));
    total = total.defined() ? total + part : part;
  }
  return total;
}

}  // namespace bonsai::check
