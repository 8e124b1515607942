// f16 and bf16 as tensor cores take them, two bytes each, and their way to f32 and back, the same on both sides.
#pragma once
#include <cstdint>

#include "core/half.h"
#ifdef __CUDACC__
#include <cuda_fp16.h>
#endif

namespace bonsai::cuda {

struct F16 {
  std::uint16_t bits;
};
struct Bf16 {
  std::uint16_t bits;
};

BONSAI_HOST_DEVICE inline float to_float(Bf16 x) { return from_bf16(x.bits); }
BONSAI_HOST_DEVICE inline void from_float(float x, Bf16& out) { out.bits = x != x ? std::uint16_t{0x7fc0} : to_bf16(x); }

// A GPU has instructions for f16.
BONSAI_HOST_DEVICE inline float to_float(F16 x) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(x.bits));
#else
  return from_f16(x.bits);
#endif
}
BONSAI_HOST_DEVICE inline void from_float(float x, F16& out) {
#ifdef __CUDA_ARCH__
  out.bits = __half_as_ushort(__float2half_rn(x));
#else
  if (x != x) out.bits = 0x7e00;
  else if (x >= beyond_f16 || x <= -beyond_f16) out.bits = x > 0 ? 0x7c00 : 0xfc00;  // infinite
  else out.bits = to_f16(x);
#endif
}

}  // namespace bonsai::cuda
