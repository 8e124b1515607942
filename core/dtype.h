// Element types. f32 and f64 compute; i64 holds labels and indices; u8 holds masks and pixels; f16 and bf16 are storage only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/error.h"

namespace bonsai {

enum class DType : std::uint8_t { f32, f64, i64, u8 };

constexpr std::size_t size_of(DType t) { return t == DType::f32 ? 4 : t == DType::u8 ? 1 : 8; }
constexpr const char* name(DType t) {
  return t == DType::f32 ? "f32" : t == DType::f64 ? "f64" : t == DType::i64 ? "i64" : "u8";
}
constexpr bool is_floating(DType t) { return t == DType::f32 || t == DType::f64; }

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  else if constexpr (std::is_same_v<T, double>) return DType::f64;
  else if constexpr (std::is_same_v<T, std::int64_t>) return DType::i64;
  else {
    static_assert(std::is_same_v<T, std::uint8_t>, "no such element type");
    return DType::u8;
  }
}

// Calls f<T>() with the C++ type of `t`: the one place where a run-time type becomes a compile-time one.
template <class F>
auto dispatch(DType t, F&& f) {
  switch (t) {
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    case DType::i64: return f.template operator()<std::int64_t>();
    case DType::u8: return f.template operator()<std::uint8_t>();
  }
  __builtin_unreachable();
}

// The same for kernels that only make sense on real numbers; `kernel` is named in the error.
template <class F>
auto dispatch_floating(const char* kernel, DType t, F&& f) {
  if (t == DType::f32) return f.template operator()<float>();
  if (t == DType::f64) return f.template operator()<double>();
  fail("{}: needs f32 or f64, got {}; cast it first", kernel, name(t));
}

}  // namespace bonsai
