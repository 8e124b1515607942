// The vectors of the instruction set that a file is compiled for. Types only: see the rule in core/cpu/kernels.h.
#pragma once

#ifndef BONSAI_ISA
#define BONSAI_ISA baseline
#endif

namespace bonsai::BONSAI_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class T>
struct Simd {
  typedef T Vector __attribute__((vector_size(vector_bytes), may_alias, aligned(sizeof(T))));
  static constexpr int width = vector_bytes / sizeof(T);
};
template <class T>
using Vec = typename Simd<T>::Vector;

}  // namespace bonsai::BONSAI_ISA
