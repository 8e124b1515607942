// The dense ladder: C (m, n) = A (m, k) Bᵀ with B (n, k), so that both operands have k side by side, as weights (out, in) and activations (batch, in) do. f16 or
// bf16 with f32 sums. One rung a file; its twin with a 2:4 A is in cuda/sparse24.
//
//   naive      a thread an element of C, everything from memory
//   tiled      64 x 64 of C a block, 16 columns of A and B at a time in shared memory
//   mma        128 x 128 a block on tensor cores, 32 columns at a time
//   pipelined  the same, while the next two steps' columns are on their way
//   hopper     128 x 256 a block, from shared memory straight to the tensor cores (wgmma); needs compute capability 9.0, throws CudaError otherwise
//
// All take any m, n and k; mma, pipelined and hopper want k a multiple of 8 (16-byte rows), and throw std::invalid_argument otherwise.
#pragma once
#include "cuda/launch.h"
#include "cuda/mma/number.h"

namespace bonsai::cuda {

template <class T>
void gemm_naive(const T* a, const T* b, float* c, int m, int n, int k, Stream stream);
template <class T>
void gemm_tiled(const T* a, const T* b, float* c, int m, int n, int k, Stream stream);
template <class T>
void gemm_mma(const T* a, const T* b, float* c, int m, int n, int k, Stream stream);
template <class T>
void gemm_pipelined(const T* a, const T* b, float* c, int m, int n, int k, Stream stream);
template <class T>
void gemm_hopper(const T* a, const T* b, float* c, int m, int n, int k, Stream stream);

}  // namespace bonsai::cuda
