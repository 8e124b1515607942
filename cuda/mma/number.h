// f16 and bf16 as tensor cores take them, two bytes each, and their way to f32 and back, the same on both sides.
#pragma once
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#include <cuda_fp16.h>
#define BONSAI_BOTH __host__ __device__
#else
#define BONSAI_BOTH
#endif

namespace bonsai::cuda {

struct F16 {
  std::uint16_t bits;
};
struct Bf16 {
  std::uint16_t bits;
};

BONSAI_BOTH inline std::uint32_t bits_of(float x) {
  std::uint32_t b;
  memcpy(&b, &x, 4);
  return b;
}
BONSAI_BOTH inline float float_of(std::uint32_t b) {
  float x;
  memcpy(&x, &b, 4);
  return x;
}

// bf16 is the upper half of an f32; rounded to the nearest, halves to even, a NaN kept one.
BONSAI_BOTH inline float to_float(Bf16 x) { return float_of(std::uint32_t{x.bits} << 16); }
BONSAI_BOTH inline void from_float(float x, Bf16& out) {
  const std::uint32_t b = bits_of(x);
  out.bits = static_cast<std::uint16_t>(x != x ? (b >> 16 | 0x40) : (b + 0x7fff + (b >> 16 & 1)) >> 16);
}

// f16: 5 bits of exponent, 10 of fraction. A GPU has instructions for it.
BONSAI_BOTH inline float to_float(F16 x) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(x.bits));
#else
  const std::uint32_t sign = std::uint32_t{x.bits & 0x8000u} << 16, exponent = x.bits >> 10 & 31, fraction = x.bits & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return float_of(bits_of(magnitude) | sign);
  }
  if (exponent == 31) return float_of(sign | 0x7f800000 | fraction << 13);
  return float_of(sign | (exponent + 112) << 23 | fraction << 13);
#endif
}
BONSAI_BOTH inline void from_float(float x, F16& out) {
#ifdef __CUDA_ARCH__
  out.bits = __half_as_ushort(__float2half_rn(x));
#else
  const std::uint32_t b = bits_of(x), sign = b >> 16 & 0x8000, magnitude = b & 0x7fffffff;
  if (magnitude > 0x7f800000) out.bits = static_cast<std::uint16_t>(sign | 0x7e00);                                          // NaN
  else if (magnitude >= 0x477ff000) out.bits = static_cast<std::uint16_t>(sign | 0x7c00);                                    // beyond 65,520: infinite
  else if (magnitude < 0x38800000) out.bits = static_cast<std::uint16_t>(sign | (bits_of(float_of(magnitude) + 0.5f) & 0xffff));  // below 2^-14: in steps of 2^-24, which an f32 of 0.5 has
  else out.bits = static_cast<std::uint16_t>(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
#endif
}

}  // namespace bonsai::cuda
