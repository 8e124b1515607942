// Cholesky: a symmetric positive definite matrix is L Lᵀ with L lower triangular. What OBS, SparseGPT and Newton's method stand on:
//
//   A⁻¹ = L⁻ᵀ L⁻¹,        A x = b  ->  x = L⁻ᵀ (L⁻¹ b)
//
// Written by halves, so that nearly all of the work is products of large matrices, which are fast (core/cpu/gemm.cpp):
//
//   [ A₁₁ A₂₁ᵀ ]   L₂₁ = A₂₁ L₁₁⁻ᵀ        the factor of A₁₁, and of A₂₂ - L₂₁ L₂₁ᵀ, by the same rule
//   [ A₂₁ A₂₂  ]   (L⁻¹)₂₁ = -L₂₂⁻¹ L₂₁ L₁₁⁻¹
#pragma once
#include <optional>

#include "core/tensor.h"

namespace bonsai {

struct Cholesky {
  Tensor factor;   // L (n, n), zeros above the diagonal
  Tensor inverse;  // L⁻¹, likewise
};

// Of A (n, n) in f64; only its lower triangle is read. Nothing when A is not positive definite: when a pivot is not above 1e-14 of the
// diagonal entry it came from, since what is left is rounding. Cost about 2/3 n³ multiply-adds, 3 n² numbers.
std::optional<Cholesky> cholesky(const Tensor& a);

}  // namespace bonsai
