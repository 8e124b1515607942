// Which lane of a warp holds which element of the matrices of a tensor core's product C (16, 8) += A (16, k) B (k, 8), k = 16 dense or 32 sparse, f16 or bf16 with
// f32 sums. With lane = 4 q + t (quad q = 0 .. 7, thread t = 0 .. 3):
//
//   A      element i of a lane's 8, two a register       row q + 8 (i/2 % 2),   column 2 t + i % 2 + 8 (i/4)
//   B      element i of its 4 (k = 16) or 8 (k = 32)     row 2 t + i % 2 + 8 (i/2),   column q
//   C      element i of its 4                            row q + 8 (i/2),   column 2 t + i % 2
//
// Sparse: A is what is left of (16, 32), 16 columns of values, laid out as the dense one; the positions come as one 32-bit word a lane (sparse24's hardware.h).
// So the two elements of a register lie side by side in A's row, and in B's column. Kernels and tests use these very functions. PTX manual, "Matrix
// fragments for mma.m16n8k16 with floating point type" and "... for sparse mma.m16n8k32 with .f16 and .bf16 types".
#pragma once
#include "cuda/mma/number.h"

namespace bonsai::cuda {

struct Place {
  int row, column;
};
BONSAI_HOST_DEVICE constexpr Place a_place(int lane, int i) { return {lane / 4 + 8 * (i / 2 % 2), 2 * (lane % 4) + i % 2 + 8 * (i / 4)}; }  // (frag.1)
BONSAI_HOST_DEVICE constexpr Place b_place(int lane, int i) { return {2 * (lane % 4) + i % 2 + 8 * (i / 2), lane / 4}; }                    // (frag.2)
BONSAI_HOST_DEVICE constexpr Place c_place(int lane, int i) { return {lane / 4 + 8 * (i / 2), 2 * (lane % 4) + i % 2}; }                    // (frag.3)

}  // namespace bonsai::cuda
