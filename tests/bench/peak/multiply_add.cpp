// The most that a core can do: multiply-adds that do not wait for one another and touch no memory. Compiled once for every instruction set
// with the flags of core's kernels, so that a kernel's share of it is a share of what its instructions allow.
#include "tests/bench/peak/multiply_add.h"

namespace bonsai::BONSAI_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif
typedef float Vector __attribute__((vector_size(vector_bytes)));
constexpr int chains = 12;  // two a cycle, each four or five cycles long: ten are under way; AVX2 has sixteen registers

double multiply_add(std::int64_t rounds, float a, float b) {
  Vector sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = Vector{} + static_cast<float>(i);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sum[i] = sum[i] * a + b;
  }
  for (int i = 1; i < chains; ++i) sum[0] += sum[i];
  return sum[0][0];
}

double multiply_add_flops() { return 2.0 * chains * (vector_bytes / sizeof(float)); }

}  // namespace bonsai::BONSAI_ISA
