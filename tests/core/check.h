// What every test of core uses: tensors filled from a fixed formula, and comparisons that look at every element and refuse NaN.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <string>

#include "core/ops.h"
#include "tests/refuses.h"

namespace bonsai::check {

// Where an input's elements lie. Real numbers are spread over [low, high], or with `both_signs` over that and its mirror image,
// which keeps them away from a kink at 0. Of type i64 they are whole numbers low .. high-1, of type u8 zeros and ones.
struct Domain {
  double low = -2, high = 2;
  bool both_signs = false;
  DType type = DType::f64;  // f64 stands for whatever real type the test runs in
};

// Element i is a fixed function of i and `salt`: the fractional parts of multiples of the golden ratio, which are spread evenly
// and are all different, so that maxima have no ties by accident.
Tensor sample(const Shape& shape, DType real, const Domain& d = {}, int salt = 0);

// |got - want| <= atol + rtol |want| for every element, and the same shape and type. Written so that a NaN fails.
::testing::AssertionResult close(const Tensor& got, const Tensor& want, double atol, double rtol);
::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b);

using test::refuses;

// Σ over all tensors of Σ t · (a fixed weight): one number that depends on every element differently.
Tensor weighted_sum(const Tensors& ts, int salt = 50);

}  // namespace bonsai::check
