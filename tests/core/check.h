// What every test of core uses: comparisons that look at every element and refuse NaN; and tensors to compare (sample.h).
#pragma once
#include <gtest/gtest.h>

#include "tests/core/sample.h"
#include "tests/refuses.h"

namespace bonsai::check {

// |got - want| <= atol + rtol |want| for every element, and the same shape and type. Written so that a NaN fails.
::testing::AssertionResult close(const Tensor& got, const Tensor& want, double atol, double rtol);
::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b);

using test::refuses;

}  // namespace bonsai::check
