// C = A B for strided matrices: the product that everything dense stands on. Read gemm.cpp.
#pragma once
#include <cstdint>

#include "core/cpu/kernels.h"

namespace bonsai::BONSAI_ISA {

template <class T>
struct Matrix {
  T* data;
  std::int64_t row, column;  // strides: element (i, j) is data[i * row + j * column]
  Matrix transposed() const { return {data, column, row}; }
};

// C (m,n) = A (m,k) B (k,n) + bias, where bias is a matrix too (a stride of 0 repeats it) or has null data.
// Each element of C is one sum over k in one fixed order, so its bits depend neither on threads nor on where the tiles fall.
template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<const T> bias, Matrix<T> c);

}  // namespace bonsai::BONSAI_ISA
