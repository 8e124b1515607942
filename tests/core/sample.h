// Tensors filled from a fixed formula, for whoever compares: the tests, and the check of a GPU, which has no test framework.
#pragma once
#include <functional>
#include <string>

#include "core/ops.h"

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

// Σ over all tensors of Σ t · (a fixed weight): one number that depends on every element differently.
Tensor weighted_sum(const Tensors& ts, int salt = 50);

}  // namespace bonsai::check
