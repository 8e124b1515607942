// The same loop for every instruction set that core has kernels for.
#pragma once
#include <cstdint>

#define BONSAI_DECLARE(isa)                                       \
  namespace bonsai::isa {                                         \
  double multiply_add(std::int64_t rounds, float a, float b);     \
  double multiply_add_flops(); /* in one round */                 \
  }
BONSAI_DECLARE(baseline)
BONSAI_DECLARE(avx2)
BONSAI_DECLARE(avx512)
#undef BONSAI_DECLARE
