// Sums and maxima over axes. Every output is computed by one tile, in one order: sixteen partial sums in double precision, added
// up in pairs at the end, whatever the instruction set. So the bits depend neither on threads nor on the width of a vector.
#include <limits>

#include "core/cpu/kernels.h"
#include "core/cpu/loops.h"

namespace bonsai::BONSAI_ISA {
namespace {

constexpr int lanes = 16;

// A reduction cut in two: `kept` axes index the outputs, `gone` axes are folded.
struct Folding {
  int kept = 0, gone = 0;
  std::int64_t kept_size[8], kept_in[8], kept_out[8], gone_size[8], gone_in[8];

  Folding(const View& in, const View& out) {
    for (int a = 0; a < in.shape.rank(); ++a) {
      if (in.shape[a] == 1) continue;
      if (out.shape[a] == 1) append(gone, gone_size, gone_in, nullptr, in.shape[a], in.strides[a], 0);
      else append(kept, kept_size, kept_in, kept_out, in.shape[a], in.strides[a], out.strides[a]);
    }
  }
  std::int64_t kept_count() const { return product(kept_size, kept); }
  std::int64_t gone_count() const { return product(gone_size, gone); }
  static std::int64_t product(const std::int64_t* s, int n) {
    std::int64_t p = 1;
    for (int a = 0; a < n; ++a) p *= s[a];
    return p;
  }
  static std::int64_t offset(const std::int64_t* size, const std::int64_t* stride, int n, std::int64_t k) {
    std::int64_t o = 0;
    for (int a = n - 1; a > 0; --a) {
      o += k % size[a] * stride[a];
      k /= size[a];
    }
    return n > 0 ? o + k * stride[0] : 0;
  }

 private:
  static void append(int& n, std::int64_t* size, std::int64_t* in, std::int64_t* out, std::int64_t s, std::int64_t si, std::int64_t so) {
    if (n > 0 && in[n - 1] == si * s && (!out || out[n - 1] == so * s)) {  // the previous axis continued
      size[n - 1] *= s;
      in[n - 1] = si;
      if (out) out[n - 1] = so;
      return;
    }
    size[n] = s;
    in[n] = si;
    if (out) out[n] = so;
    ++n;
  }
};

// Fold for each output: start, combine(accumulator, element), and merge two accumulators. Acc is the accumulator's type.
template <class T, class Acc, class Combine>
void fold(const View& in, const View& out, Acc start, Combine combine) {
  const Folding f(in, out);
  const std::int64_t outputs = f.kept_count(), folded = f.gone_count();
  const T* x = in.as<T>();
  T* y = out.as<T>();

  // Columns: neighbouring outputs read neighbouring inputs, so sixteen outputs are folded at a time.
  if (f.kept > 0 && f.kept_in[f.kept - 1] == 1 && !(f.gone > 0 && f.gone_in[f.gone - 1] == 1)) {
    const std::int64_t width = f.kept_size[f.kept - 1], strips = (width + lanes - 1) / lanes, rows = outputs / std::max<std::int64_t>(width, 1);
    parallel_for(rows * strips, [&](std::int64_t tile) {
      const std::int64_t k = tile / strips * width + tile % strips * lanes, n = std::min<std::int64_t>(lanes, width - tile % strips * lanes);
      const T* from = x + Folding::offset(f.kept_size, f.kept_in, f.kept, k);
      T* to = y + Folding::offset(f.kept_size, f.kept_out, f.kept, k);
      const std::int64_t step = f.kept_out[f.kept - 1];
      Acc total[lanes];
      for (Acc& t : total) t = start;
      for (std::int64_t g = 0; g < folded; ++g) {
        const T* row = from + Folding::offset(f.gone_size, f.gone_in, f.gone, g);
        if (n == lanes)
          for (int l = 0; l < lanes; ++l) total[l] = combine(total[l], static_cast<Acc>(row[l]));
        else
          for (int l = 0; l < n; ++l) total[l] = combine(total[l], static_cast<Acc>(row[l]));
      }
      for (int l = 0; l < n; ++l) to[l * step] = static_cast<T>(total[l]);
    });
    return;
  }

  // Rows: one output at a time, sixteen partial results along the innermost folded axis.
  const std::int64_t length = f.gone > 0 ? f.gone_size[f.gone - 1] : 1, step = f.gone > 0 ? f.gone_in[f.gone - 1] : 1;
  const std::int64_t runs = length == 0 ? 0 : folded / length;
  const std::int64_t group = std::max<std::int64_t>(1, tile_elements / std::max<std::int64_t>(folded, 1));
  parallel_for((outputs + group - 1) / group, [&](std::int64_t tile) {
    for (std::int64_t k = tile * group; k < std::min(outputs, (tile + 1) * group); ++k) {
      const T* from = x + Folding::offset(f.kept_size, f.kept_in, f.kept, k);
      Acc total[lanes];
      for (Acc& t : total) t = start;
      for (std::int64_t r = 0; r < runs; ++r) {
        const T* row = from + Folding::offset(f.gone_size, f.gone_in, f.gone, r * length);
        std::int64_t i = 0;
        for (; step == 1 && i + lanes <= length; i += lanes)
          for (int l = 0; l < lanes; ++l) total[l] = combine(total[l], static_cast<Acc>(row[i + l]));
        for (; i < length; ++i) total[i % lanes] = combine(total[i % lanes], static_cast<Acc>(row[i * step]));
      }
#pragma GCC unroll 8
      for (int half = lanes / 2; half > 0; half /= 2)
#pragma GCC unroll 8
        for (int l = 0; l < half; ++l) total[l] = combine(total[l], total[l + half]);
      y[Folding::offset(f.kept_size, f.kept_out, f.kept, k)] = static_cast<T>(total[0]);
    }
  });
}

template <class Acc>
struct Plus {
  Acc operator()(Acc a, Acc b) const { return a + b; }
};
template <class Acc>
struct Larger {
  Acc operator()(Acc a, Acc b) const { return apply<Binary::maximum>(b, a); }
};

}  // namespace

void sum(View in, View out) {
  switch (in.dtype) {
    case DType::f32: return fold<float, double>(in, out, 0.0, Plus<double>{});
    case DType::f64: return fold<double, double>(in, out, 0.0, Plus<double>{});
    case DType::i64: return fold<std::int64_t, std::int64_t>(in, out, 0, Plus<std::int64_t>{});
    case DType::u8: return fold<std::uint8_t, std::int64_t>(in, out, 0, Plus<std::int64_t>{});
  }
}

void max(View in, View out) {
  switch (in.dtype) {
    case DType::f32: return fold<float, float>(in, out, -std::numeric_limits<float>::infinity(), Larger<float>{});
    case DType::f64: return fold<double, double>(in, out, -std::numeric_limits<double>::infinity(), Larger<double>{});
    case DType::i64: return fold<std::int64_t, std::int64_t>(in, out, std::numeric_limits<std::int64_t>::min(), Larger<std::int64_t>{});
    case DType::u8: return fold<std::uint8_t, std::uint8_t>(in, out, 0, Larger<std::uint8_t>{});
  }
}

}  // namespace bonsai::BONSAI_ISA
