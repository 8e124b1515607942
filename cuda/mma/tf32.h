// Tensor cores on TF32: an f32 whose fraction has 10 bits in place of 23. C (16, 8) += A (16, 8) B (8, 8), f32 sums. With lane = 4 g + t:
//
//   A      element i of a lane's 4    row g + 8 (i % 2),   column t + 4 (i / 2)
//   B      element i of its 2         row t + 4 i,         column g
//   C      element i of its 4         row g + 8 (i / 2),   column 2 t + i % 2
//
// PTX manual, "Matrix fragments for mma.m16n8k8" (.tf32). Without a GPU the instruction is what that says, spelled out.
#pragma once
#include "cuda/mma/instructions.h"

namespace bonsai::cuda {

#ifdef __CUDACC__
__device__ __forceinline__ float to_tf32(float x) {  // to the nearest
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
}
__device__ __forceinline__ void mma_tf32(float& c0, float& c1, float& c2, float& c3, const float (&a)[4], const float (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)
               : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}
#else
inline float to_tf32(float x) {
  if (!std::isfinite(x)) return x;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + 0x1000u) & ~0x1fffu);
}
inline void mma_tf32(float& c0, float& c1, float& c2, float& c3, const float (&a)[4], const float (&b)[2]) {
  float matrix_a[16][8], matrix_b[8][8];
  std::uint32_t all[32];
  const auto number = [](std::uint32_t bits) { return std::bit_cast<float>(bits & ~0x1fffu); };  // the hardware does not look at the other bits
  for (int i = 0; i < 4; ++i) {  // the manual: row = groupID for a0 and a2, groupID + 8 for a1 and a3; column = threadID_in_group for a0 and a1, + 4 for a2 and a3
    detail::gather(std::bit_cast<std::uint32_t>(a[i]), all);
    for (int l = 0; l < 32; ++l) matrix_a[i == 0 || i == 2 ? l >> 2 : (l >> 2) + 8][i < 2 ? l & 3 : (l & 3) + 4] = number(all[l]);
  }
  for (int i = 0; i < 2; ++i) {
    detail::gather(std::bit_cast<std::uint32_t>(b[i]), all);
    for (int l = 0; l < 32; ++l) matrix_b[i == 0 ? l & 3 : (l & 3) + 4][l >> 2] = number(all[l]);
  }
  const int group = emulator::thread().lane >> 2, pair = (emulator::thread().lane & 3) * 2;
  for (int k = 0; k < 8; ++k) {
    c0 += matrix_a[group][k] * matrix_b[k][pair], c1 += matrix_a[group][k] * matrix_b[k][pair + 1];
    c2 += matrix_a[group + 8][k] * matrix_b[k][pair], c3 += matrix_a[group + 8][k] * matrix_b[k][pair + 1];
  }
}
#endif

}  // namespace bonsai::cuda
