// What both selections share (select.h in memory, select_stream.h from files): scores as whole numbers in the same order, and their digits.
#pragma once
#include <array>
#include <bit>
#include <cstdint>

namespace bonsai::prune {

// Of the negative numbers all bits but the sign are flipped. Adding 0 first makes -0 and +0 equal, as they are.
inline std::int32_t select_key(float x) {
  const std::int32_t b = std::bit_cast<std::int32_t>(x + 0.0f);
  return b ^ ((b >> 31) & 0x7fffffff);
}
inline std::int64_t select_key(double x) {
  const std::int64_t b = std::bit_cast<std::int64_t>(x + 0.0);
  return b ^ ((b >> 63) & 0x7fffffffffffffff);
}

constexpr int select_digit = 11;  // bits: a histogram of 2,048 counts stays in the first cache, and the digit of all NaNs is an end of it
using Histogram = std::array<std::int64_t, 1 << select_digit>;

// The highest digit of a key, 0 .. 2047 in the keys' order.
template <class Key>
int top_digit(Key x) {
  return static_cast<int>(x >> (8 * sizeof(Key) - select_digit)) + (1 << (select_digit - 1));
}

// Can there be a NaN among these? Its top digit is one of the outermost, which it shares with the infinities at most.
inline bool may_hold_nan(const Histogram& top) {
  std::int64_t ends = 0;
  for (int d = 0; d < 4; ++d) ends += top[d] + top[top.size() - 1 - d];
  return ends > 0;
}

// The digit in which the left-th lowest key lies; `left` becomes its place among the keys that share it.
inline int find_digit(const Histogram& h, std::int64_t& left) {
  int d = 0;
  while (h[d] < left) left -= h[d++];
  return d;
}

}  // namespace bonsai::prune
