#include "tests/core/check.h"

#include <cmath>
#include <cstring>

namespace bonsai::check {

::testing::AssertionResult close(const Tensor& got, const Tensor& want, double atol, double rtol) {
  if (got.shape() != want.shape() || got.dtype() != want.dtype())
    return ::testing::AssertionFailure() << "got " << name(got.dtype()) << " " << str(got.shape()) << ", want " << name(want.dtype()) << " "
                                         << str(want.shape());
  for (std::int64_t i = 0; i < got.numel(); ++i) {
    const double g = got.at(i), w = want.at(i);
    if (!(std::abs(g - w) <= atol + rtol * std::abs(w)) && !(std::isinf(w) && g == w))
      return ::testing::AssertionFailure() << fmt::format("element {} of {}: got {:.17g}, want {:.17g}, off by {:.3g}", i, got.shape(), g, w, g - w);
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return ::testing::AssertionFailure() << "shapes or types differ";
  if (std::memcmp(a.bytes(), b.bytes(), a.size_in_bytes()) == 0) return ::testing::AssertionSuccess();
  for (std::int64_t i = 0; i < a.numel(); ++i)
    if (a.at(i) != b.at(i)) return ::testing::AssertionFailure() << fmt::format("element {} of {}: {:.17g} and {:.17g}", i, a.shape(), a.at(i), b.at(i));
  return ::testing::AssertionFailure() << "the same numbers in other bits (a zero's sign, or NaNs)";
}

}  // namespace bonsai::check
