// The instructions that a C++ compiler does not make by itself: products on tensor cores, and copies to shared memory that go on by themselves. Without a GPU each
// does what the manual says, spelled out once more and apart from fragments.h, so that one can find the other's mistakes.
#pragma once
#include "cuda/launch.h"
#include "cuda/mma/number.h"
#ifndef __CUDACC__
#include <map>
#include <vector>

#include "core/error.h"
#endif

namespace bonsai::cuda {

#ifdef __CUDACC__

// C (16, 8) += A (16, 16) B (16, 8)
template <class T>
__device__ __forceinline__ void mma_m16n8k16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
template <>
__device__ __forceinline__ void mma_m16n8k16<Bf16>(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
__device__ __forceinline__ void mma_m16n8k16<F16>(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// C (16, 8) += A (16, 32) B (32, 8), A's 16 kept columns a row in `a`. Selector 0: threads 0 and 1 of each quad hold the positions, 1: threads 2 and 3.
template <class T, int Selector>
__device__ __forceinline__ void mma_sp_m16n8k32(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[4], std::uint32_t positions) {
  if constexpr (sizeof(T) == sizeof(Bf16) && !__is_same(T, F16))
    asm volatile("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9,%10,%11}, {%0,%1,%2,%3}, %12, %13;"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(positions), "n"(Selector));
  else
    asm volatile("mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9,%10,%11}, {%0,%1,%2,%3}, %12, %13;"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(positions), "n"(Selector));
}

// 16 bytes from global to shared memory, both at multiples of 16, or 16 zeros; they are there once wait_copies says so, and a barrier has told the others.
__device__ __forceinline__ void copy16(void* to, const void* from, bool there) {
  const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(to));
  const int bytes = there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Pending>
__device__ __forceinline__ void wait_copies() {  // until at most so many groups are under way
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

#else

namespace detail {
// A register of every lane of the warp.
inline void gather(std::uint32_t mine, std::uint32_t (&all)[32]) {
  std::uint64_t* slots = emulator::exchange();
  slots[emulator::thread().lane] = mine;
  emulator::sync_warp();
  for (int l = 0; l < 32; ++l) all[l] = static_cast<std::uint32_t>(slots[l]);
  emulator::sync_warp();
}
template <class T>
float half_of(std::uint32_t word, int which) { return to_float(T{static_cast<std::uint16_t>(word >> (16 * which))}); }
}  // namespace detail

template <class T>
void mma_m16n8k16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  float matrix_a[16][16], matrix_b[16][8];
  std::uint32_t all[32];
  for (int r = 0; r < 4; ++r) {
    detail::gather(a[r], all);
    for (int l = 0; l < 32; ++l)
      for (int h = 0; h < 2; ++h) {  // the manual: row = groupID for a0, a1, a4, a5, else groupID + 8; column = threadID_in_group * 2 + (i & 1), and + 8 for i >= 4
        const int i = 2 * r + h, group = l >> 2, thread = l & 3;
        const bool upper = i == 0 || i == 1 || i == 4 || i == 5;
        matrix_a[upper ? group : group + 8][thread * 2 + (i & 1) + (i >= 4 ? 8 : 0)] = detail::half_of<T>(all[l], h);
      }
  }
  for (int r = 0; r < 2; ++r) {
    detail::gather(b[r], all);
    for (int l = 0; l < 32; ++l)
      for (int h = 0; h < 2; ++h) matrix_b[(l & 3) * 2 + h + (r == 1 ? 8 : 0)][l >> 2] = detail::half_of<T>(all[l], h);
  }
  for (int i = 0; i < 4; ++i) {
    const int row = i < 2 ? emulator::thread().lane >> 2 : (emulator::thread().lane >> 2) + 8, column = (emulator::thread().lane & 3) * 2 + (i & 1);
    for (int k = 0; k < 16; ++k) c[i] += matrix_a[row][k] * matrix_b[k][column];
  }
}

template <class T, int Selector>
void mma_sp_m16n8k32(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[4], std::uint32_t positions) {
  float kept[16][16], matrix_a[16][32] = {}, matrix_b[32][8];
  std::uint32_t all[32];
  for (int r = 0; r < 4; ++r) {
    detail::gather(a[r], all);
    for (int l = 0; l < 32; ++l)
      for (int h = 0; h < 2; ++h) {
        const int i = 2 * r + h, group = l >> 2;
        const bool upper = i == 0 || i == 1 || i == 4 || i == 5;
        kept[upper ? group : group + 8][(l & 3) * 2 + (i & 1) + (i >= 4 ? 8 : 0)] = detail::half_of<T>(all[l], h);
      }
  }
  for (int r = 0; r < 4; ++r) {
    detail::gather(b[r], all);
    for (int l = 0; l < 32; ++l)
      for (int h = 0; h < 2; ++h) matrix_b[(l & 3) * 2 + h + 8 * r][l >> 2] = detail::half_of<T>(all[l], h);
  }
  detail::gather(positions, all);
  for (int row = 0; row < 16; ++row)
    for (int half = 0; half < 2; ++half) {  // columns 0-15 come from the first of the two threads, 16-31 from the second; rows from 8 on from the word's upper half
      const std::uint32_t bits = all[(row % 8) * 4 + 2 * Selector + half] >> (row < 8 ? 0 : 16) & 0xffff;
      for (int g = 0; g < 4; ++g) {
        const int first = bits >> (4 * g) & 3, second = bits >> (4 * g + 2) & 3;
        require(first < second, "mma.sp: the positions {} and {} of row {}, columns {} to {}, do not rise", first, second, row, 16 * half + 4 * g, 16 * half + 4 * g + 3);
        matrix_a[row][16 * half + 4 * g + first] = kept[row][8 * half + 2 * g];
        matrix_a[row][16 * half + 4 * g + second] = kept[row][8 * half + 2 * g + 1];
      }
    }
  for (int i = 0; i < 4; ++i) {
    const int row = i < 2 ? emulator::thread().lane >> 2 : (emulator::thread().lane >> 2) + 8, column = (emulator::thread().lane & 3) * 2 + (i & 1);
    for (int k = 0; k < 32; ++k) c[i] += matrix_a[row][k] * matrix_b[k][column];
  }
}

// The copies are done late, at the wait, so that a kernel that reads before it waits is found.
namespace detail {
struct Copies {
  struct Copy {
    void* to;
    std::uint8_t bytes[16];
  };
  std::vector<std::vector<Copy>> groups;
  std::vector<Copy> open;
};
inline Copies& copies() {  // of this thread of the block
  static thread_local std::map<std::pair<const void*, int>, Copies> all;
  return all[{emulator::shared_memory(), static_cast<int>(emulator::thread().warp * 32 + emulator::thread().lane)}];
}
}  // namespace detail
inline void copy16(void* to, const void* from, bool there) {
  require(reinterpret_cast<std::uintptr_t>(to) % 16 == 0 && (!there || reinterpret_cast<std::uintptr_t>(from) % 16 == 0), "cp.async: an address is no multiple of 16");
  detail::Copies::Copy c{to, {}};
  if (there) std::memcpy(c.bytes, from, 16);
  detail::copies().open.push_back(c);
}
inline void commit_copies() {
  auto& c = detail::copies();
  c.groups.push_back(std::move(c.open));
  c.open.clear();
}
template <int Pending>
void wait_copies() {
  auto& c = detail::copies();
  while (c.groups.size() > Pending) {
    for (const auto& copy : c.groups.front()) std::memcpy(copy.to, copy.bytes, 16);
    c.groups.erase(c.groups.begin());
  }
}
#endif

}  // namespace bonsai::cuda
