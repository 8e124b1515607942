// The 2:4 ladder: C (m, n) = A (m, k) Bᵀ where A keeps two of every four columns, and B is (n, k). f16 or bf16 with f32 sums. One rung a file; the dense twin is in
// cuda/gemm, the format in README.md here and in core/sparse24/FORMAT.md.
//
//   pack       prunes by magnitude and packs, and puts the positions in the hardware's order: on the GPU too
//   naive      a thread an element of C: decodes a position, multiplies, goes on
//   tiled      64 x 64 of C a block, from shared memory
//   mma        128 x 128 a block on sparse tensor cores (mma.sp), 64 columns of B at a time
//   pipelined  the same, while the next two steps' columns are on their way
//   hopper     256 x 128 a block, from shared memory straight to the sparse tensor cores (wgmma.sp); needs compute capability 9.0, throws CudaError otherwise
//
// naive and tiled read canonical positions and take any k that is a multiple of 4; mma, pipelined and hopper read the hardware's words and want m and k multiples of 32. What
// does not fit throws std::invalid_argument and says which multiple it wants.
#pragma once
#include "cuda/launch.h"
#include "cuda/mma/number.h"

namespace bonsai::cuda {

// What is left of A: values (m, k / 2), canonical positions (m, k / 8 rounded up), and the same bits as words in the hardware's order (m k / 32). Pointers to
// the device's memory; a rung needs only the positions that it reads.
template <class T>
struct Packed24 {
  int m, k;
  const T* values;
  const std::uint8_t* positions;
  const std::uint32_t* words;
};

// Of every four columns of w (m, k) the two largest by magnitude; of equals the lowest index goes first, as prune/nm does. k a multiple of 4.
template <class T>
void prune_and_pack_24(const T* w, T* values, std::uint8_t* positions, int m, int k, Stream stream);
// Canonical positions to the hardware's words. m and k multiples of 32.
void reorder_24(const std::uint8_t* positions, std::uint32_t* words, int m, int k, Stream stream);

template <class T>
void sparse24_naive(const Packed24<T>& a, const T* b, float* c, int n, Stream stream);
template <class T>
void sparse24_tiled(const Packed24<T>& a, const T* b, float* c, int n, Stream stream);
template <class T>
void sparse24_mma(const Packed24<T>& a, const T* b, float* c, int n, Stream stream);
template <class T>
void sparse24_pipelined(const Packed24<T>& a, const T* b, float* c, int n, Stream stream);
template <class T>
void sparse24_hopper(const Packed24<T>& a, const T* b, float* c, int n, Stream stream);

}  // namespace bonsai::cuda
