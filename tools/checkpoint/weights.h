// Weights read from a file by windows, as numbers one can compute with: f64 as it is, f32, f16 and bf16 as f32, exactly. A weight that is no
// finite number is refused: it has no place in an order.
#pragma once
#include <cmath>

#include "core/safetensors_file.h"

namespace bonsai::tools {

inline bool is_floating(const FileTensor& t) { return bonsai::is_floating(t.type.becomes); }
inline std::int64_t rows(const FileTensor& t) { return t.shape[0]; }
inline std::int64_t row_size(const FileTensor& t) {
  return t.shape[0] == 0 ? 0 : t.shape.numel() / t.shape[0];
}  // of (out, in, ...): in times the rest

template <class T>
void require_finite(const SafeTensorsFile& in, const FileTensor& t, std::int64_t first, std::int64_t n, const T* w) {
  for (std::int64_t i = 0; i < n; ++i)
    require(std::isfinite(w[i]), "{}: tensor \"{}\" {} holds {} at index {}; weights must be finite numbers", in.name(), printable(t.name), t.shape,
            w[i], first + i);
}

// Weights first .. first + n into `out`, float or double.
template <class T>
void read_unchecked(const SafeTensorsFile& in, const FileTensor& t, std::int64_t first, std::int64_t n, T* out) {
  if (t.type.becomes == dtype_of<T>() && t.type.bytes == sizeof(T)) return in.read_bytes(t, first, n, out);
  const Tensor w = in.read(t, first, n);
  dispatch_floating("read_weights", w.dtype(), [&]<class U>() {
    for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(w.data<U>()[i]);
  });
}
template <class T>
void read_weights(const SafeTensorsFile& in, const FileTensor& t, std::int64_t first, std::int64_t n, T* out) {
  read_unchecked(in, t, first, n, out);
  require_finite(in, t, first, n, out);
}

// The same as a tensor of one axis.
inline Tensor read_weights(const SafeTensorsFile& in, const FileTensor& t, std::int64_t first, std::int64_t n) {
  Tensor w = empty({n}, t.type.becomes);
  dispatch_floating("read_weights", w.dtype(), [&]<class T>() { read_weights(in, t, first, n, w.mutable_data<T>().data()); });
  return w;
}

}  // namespace bonsai::tools
