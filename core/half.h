// The two half precisions, as a file's 16 bits, and single precision. To single is exact: every f16 and bf16 number is an f32 number too.
// Back is to the nearest, of two equally near the one whose last bit is 0.
//
//   f16    1 sign, 5 exponent (bias 15), 10 fraction: 11 digits, up to 65504
//   bf16   the upper half of an f32: its range, 8 digits
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "core/scalar_math.h"

namespace bonsai {

// Subnormals are fraction * 2^-24; exponent 31 is inf or nan (which keeps its bits).
BONSAI_HOST_DEVICE inline float from_f16(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16, exponent = h >> 10 & 31, fraction = h & 0x3FF;
  if (exponent == 0) return std::copysign(static_cast<float>(fraction) * 0x1p-24f, std::bit_cast<float>(sign | 0x3F800000));
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000 | fraction << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}
BONSAI_HOST_DEVICE inline float from_bf16(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

// |v| < 65520; what is beyond would round to infinity. With q the exponent of its last place, the number is n 2^q, n at most 2048; then the
// bits are n - 1024 beside the exponent q + 25, where a carry and the small numbers (n < 1024, q = -24) come out right by themselves.
constexpr float beyond_f16 = 65520;
BONSAI_HOST_DEVICE inline std::uint16_t to_f16(float v) {
  int exponent = 0;
  std::frexp(v, &exponent);
  const int q = (v == 0 ? -14 : std::max(exponent - 1, -14)) - 10;
  const auto n = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(std::abs(static_cast<double>(v)), -q)));
  return static_cast<std::uint16_t>((std::signbit(v) ? 0x8000u : 0u) + (static_cast<std::uint32_t>(q + 25) << 10) + n - 1024);
}

// Adding just under half of the last place, or half where that place is odd, carries into it exactly when it must. v is not NaN; the largest
// numbers round to infinity.
BONSAI_HOST_DEVICE inline std::uint16_t to_bf16(float v) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(v);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace bonsai
