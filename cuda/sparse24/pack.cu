// Rung 0, packing: a thread takes eight columns of a row, which are a byte of positions and four values; then a thread a word puts the positions in the hardware's
// order.
//
// Limited by: memory, 16 bytes read and 9 written a thread. Neighbouring threads read neighbouring 16 bytes.
// Shapes: k a multiple of 4; for the words m and k multiples of 32. Measured: not yet run on a GPU.
#include <stdexcept>

#include "core/sparse24/hardware.h"
#include "core/sparse24/positions.h"
#include "cuda/sparse24/sparse24.h"

namespace bonsai::cuda {
namespace {

template <class T>
__global__ void prune_and_pack(const T* w, T* values, std::uint8_t* positions, int m, int k) {
  const int bytes = static_cast<int>(position_bytes(k));
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= static_cast<std::int64_t>(m) * bytes) return;
  const std::int64_t row = at / bytes, byte = at % bytes;
  unsigned bits = 0;
  for (int g = 0; g < 2; ++g) {
    const std::int64_t column = 8 * byte + 4 * g;
    if (column >= k) break;
    const T* four = w + row * k + column;
    float size[4];
    for (int i = 0; i < 4; ++i) size[i] = fabsf(to_float(four[i]));
    int kept = 0;
    for (int i = 0; i < 4; ++i) {
      int later = 0;  // how many of the group go after this one
      for (int j = 0; j < 4; ++j) later += size[j] > size[i] || (size[j] == size[i] && j > i);
      if (later >= 2 || kept == 2) continue;
      bits |= static_cast<unsigned>(i) << (4 * g + 2 * kept);
      values[row * (k / 2) + column / 2 + kept++] = four[i];
    }
  }
  positions[at] = static_cast<std::uint8_t>(bits);
}

__global__ void reorder(const std::uint8_t* positions, std::uint32_t* words, int m, int k) {
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= static_cast<std::int64_t>(m) * k / 32) return;
  const std::int64_t tile = at / 32, row = tile % (m / 32) * 32, column = tile / (m / 32) * 32;
  std::uint32_t word = 0;
  for (int half = 0; half < 2; ++half) {
    const HalfWord place = half_word(static_cast<int>(at % 32), half);
    const std::uint8_t* two = positions + (row + place.row) * (k / 8) + (column + place.column) / 8;
    word |= static_cast<std::uint32_t>(two[0] | two[1] << 8) << (16 * half);
  }
  words[at] = word;
}

}  // namespace

template <class T>
void prune_and_pack_24(const T* w, T* values, std::uint8_t* positions, int m, int k, Stream stream) {
  if (k % 4 != 0) throw std::invalid_argument("prune_and_pack_24: k must be a multiple of 4");
  const std::int64_t threads = static_cast<std::int64_t>(m) * position_bytes(k);
  launch("prune_and_pack_24", prune_and_pack<T>, dim3(static_cast<unsigned>((threads + 255) / 256)), dim3(256), 0, stream, w, values, positions, m, k);
}
template void prune_and_pack_24(const F16*, F16*, std::uint8_t*, int, int, Stream);
template void prune_and_pack_24(const Bf16*, Bf16*, std::uint8_t*, int, int, Stream);

void reorder_24(const std::uint8_t* positions, std::uint32_t* words, int m, int k, Stream stream) {
  if (m % 32 != 0 || k % 32 != 0) throw std::invalid_argument("reorder_24: m and k must be multiples of 32");
  const std::int64_t threads = static_cast<std::int64_t>(m) * k / 32;
  launch("reorder_24", reorder, dim3(static_cast<unsigned>((threads + 255) / 256)), dim3(256), 0, stream, positions, words, m, k);
}

}  // namespace bonsai::cuda
