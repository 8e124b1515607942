// Vectors and their lanes: loading, storing, and adding up the lanes of several vectors at once.
#pragma once
#include <cstdint>
#include <type_traits>

#include "core/cpu/simd.h"

namespace bonsai::BONSAI_ISA {

template <class T>
[[gnu::always_inline]] inline Vec<T> load(const T* from) { return *reinterpret_cast<const Vec<T>*>(from); }
template <class T>
[[gnu::always_inline]] inline void store(T* to, Vec<T> v) { *reinterpret_cast<Vec<T>*>(to) = v; }

// Planes of pictures are pages of memory, and the processor's own prefetching starts anew at each page: what is so many numbers ahead is
// asked for by hand.
constexpr int fetched_ahead = 1024;

// Half a vector from each place.
template <class T>
[[gnu::always_inline]] inline Vec<T> load_halves(const T* low, const T* high) {
  typedef T Half __attribute__((vector_size(vector_bytes / 2), may_alias, aligned(sizeof(T))));
  const Half a = *reinterpret_cast<const Half*>(low), b = *reinterpret_cast<const Half*>(high);
  constexpr int w = Simd<T>::width;
  if constexpr (w == 16) return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  else if constexpr (w == 8) return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
  else if constexpr (w == 4) return __builtin_shufflevector(a, b, 0, 1, 2, 3);
  else return Vec<T>{*low, *high};
}

// Within each group of `group` lanes: the sums of neighbours, a's in the first half of the group and b's in the second. One step of the
// tree: with whole vectors as groups it would do alone, but shuffles that stay within 128 bits are cheaper.
template <class T, int Group, int Piece>
[[gnu::always_inline]] inline Vec<T> add_neighbours(Vec<T> a, Vec<T> b) {
  constexpr int w = Simd<T>::width, half = Group / 2;
  // lane i of the group is made of pieces 2j and 2j + 1 of its operand, j counting from the half's start
  constexpr auto source = [](int i, int odd) {
    const int group = i / Group * Group, in = i % Group, operand = in < half ? 0 : w, at = in % half;
    return operand + group + (2 * (at / Piece) + odd) * Piece + at % Piece;
  };
#if defined(__clang__)
  Vec<T> x{}, y{};  // (clang's shuffle wants its indices as literals; it makes one of these loops all the same)
  for (int i = 0; i < w; ++i) {
    x[i] = source(i, 0) < w ? a[source(i, 0)] : b[source(i, 0) - w];
    y[i] = source(i, 1) < w ? a[source(i, 1)] : b[source(i, 1) - w];
  }
  return x + y;
#else
  typedef std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> Lane;
  typedef Lane Lanes __attribute__((vector_size(vector_bytes)));
  typedef T Plain __attribute__((vector_size(vector_bytes)));
  Lanes even{}, odd{};
  for (int i = 0; i < w; ++i) {
    even[i] = source(i, 0);
    odd[i] = source(i, 1);
  }
  return Vec<T>(__builtin_shuffle(Plain(a), Plain(b), even)) + Vec<T>(__builtin_shuffle(Plain(a), Plain(b), odd));
#endif
}

// Lane i is the sum of v[i]'s lanes, for i < N. Width: how many partial sums each has left.
template <class T, int N, int Width = Simd<T>::width>
[[gnu::always_inline]] inline Vec<T> sums_of(Vec<T>* v) {
  if constexpr (Width > 1) {
    constexpr int quad = 16 / sizeof(T), w = Simd<T>::width;  // lanes in 128 bits
    constexpr bool inside = Width > w / quad;
    constexpr int left = N > 1 ? N / 2 : 1;
    for (int i = 0; i < left; ++i) v[i] = add_neighbours<T, inside ? quad : w, inside ? 1 : quad>(v[N > 1 ? 2 * i : 0], v[N > 1 ? 2 * i + 1 : 0]);
    return sums_of<T, left, Width / 2>(v);
  }
  return v[0];
}

}  // namespace bonsai::BONSAI_ISA
