// What the tests of channels' scores share: one entry poisoned, and accumulators fed in batches of all sizes.
#pragma once
#include <limits>
#include <vector>

#include "tests/nn/support.h"

namespace bonsai::test {

inline const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

inline Tensor with(const Tensor& x, std::int64_t i, double v) {
  Tensor y = clone(x);
  dispatch_floating("test", y.dtype(), [&]<class T>() { y.mutable_data<T>()[i] = static_cast<T>(v); });
  return y;
}

// An accumulator's scores of x (and of g beside it) cut into batches of these sizes.
template <class A, class Add>
A in_batches(A a, const std::vector<std::int64_t>& sizes, Add add) {
  std::int64_t begin = 0;
  for (std::int64_t n : sizes) add(a, begin, begin + n), begin += n;
  return a;
}
inline const std::vector<std::vector<std::int64_t>> cuts{{7}, {1, 1, 1, 1, 1, 1, 1}, {3, 0, 4}, {0, 6, 1}, {2, 5}};

}  // namespace bonsai::test
