// The most that a core can do: multiply-adds that do not wait for one another and touch no memory. Compiled once for every instruction set
// with the flags of core's kernels, so that a kernel's share of it is a share of what its instructions allow.
#include "tests/bench/peak/multiply_add.h"

#include "core/cpu/simd.h"

namespace bonsai::BONSAI_ISA {

constexpr int chains = 12;  // two a cycle, each four or five cycles long: ten are under way; AVX2 has sixteen registers

double multiply_add(std::int64_t rounds, float a, float b) {
  Vec<float> sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = Vec<float>{} + static_cast<float>(i);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sum[i] = sum[i] * a + b;
  }
  for (int i = 1; i < chains; ++i) sum[0] += sum[i];
  return sum[0][0];
}

double multiply_add_flops() { return 2.0 * chains * Simd<float>::width; }

}  // namespace bonsai::BONSAI_ISA
