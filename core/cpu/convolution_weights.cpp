// The weight gradient of a convolution: dw[o, k] = Σ over images and pixels of dy[o, pixel] x[pixel + tap k], all of them (dots.h).
#include "core/cpu/dots.h"

namespace bonsai::BONSAI_ISA {
namespace {

// The tile of products whose sums stay in registers. Rows of dy that are used again at once come from the first-level cache, so there may be
// many; where all of dy passes by for a few terms, it comes from the second, and there are more terms to a row.
template <int Rows, int Terms>
struct Tile {
  static constexpr int rows = Rows, terms = Terms;
};
#if defined(__AVX512F__)
template <class T>
using InPlace = Tile<6, 4>;  // 24 of 32 registers
template <class T>
using Copied = Tile<3, 8>;
#else
template <class T>
using InPlace = Tile<3, Simd<T>::width < 4 ? Simd<T>::width : 4>;  // 12 of 16
template <class T>
using Copied = InPlace<T>;
#endif

template <class T>
struct DenseProducts {
  std::int64_t outputs, all_terms;

  void operator()(const Chunk<T>& c, T* copies, T* dw, bool fresh) const {
    T* out = dw + c.group * outputs * all_terms + c.first_term;
    if (c.parts == 1) in_place<1>(c, out, fresh);
    else if (c.parts == 2) in_place<2>(c, out, fresh);
    else copied(c, copies, out, fresh);
  }
  template <int Parts>
  void in_place(const Chunk<T>& c, T* out, bool fresh) const {
    using Tile = InPlace<T>;
    const T* term[Tile::terms];
    for (std::int64_t o = 0; o < outputs; o += Tile::rows)
      for (std::int64_t k = 0; k < c.terms; k += Tile::terms) {
        for (int s = 0; s < Tile::terms; ++s) term[s] = c.term(std::min(k + s, c.terms - 1));
        products<Tile, Parts>(c, o, term, k, out, fresh);
      }
  }
  void copied(const Chunk<T>& c, T* copies, T* out, bool fresh) const {
    using Tile = Copied<T>;
    const T* term[Tile::terms];
    for (std::int64_t k = 0; k < c.terms; k += Tile::terms) {
      for (int s = 0; s < Tile::terms; ++s) {
        c.copy(std::min(k + s, c.terms - 1), copies + s * c.padded);
        term[s] = copies + s * c.padded;
      }
      for (std::int64_t o = 0; o < outputs; o += Tile::rows) products<Tile, 1>(c, o, term, k, out, fresh);
    }
  }
  template <class Tile, int Parts>
  void products(const Chunk<T>& c, std::int64_t o, const T* const* term, std::int64_t k, T* out, bool fresh) const {
    const int there = static_cast<int>(std::min<std::int64_t>(Tile::terms, c.terms - k));
    auto rows = [&]<int R>() { dots<T, R, Tile::terms, Parts>(c.from_row(o), term, there, out + o * all_terms + k, all_terms, fresh); };
    switch (std::min<std::int64_t>(Tile::rows, outputs - o)) {
      case 1: return rows.template operator()<1>();
      case 2: return rows.template operator()<2>();
      case 3: return rows.template operator()<3>();
      case 4: if constexpr (Tile::rows > 3) return rows.template operator()<4>();
      case 5: if constexpr (Tile::rows > 4) return rows.template operator()<5>();
      case 6: if constexpr (Tile::rows > 5) return rows.template operator()<6>();
    }
  }
};

}  // namespace

void conv2d_weight_gradient(Window window, View x, View dy, View dw) {
  on_real(x.dtype, [&]<class T>() {
    const std::int64_t terms = dw.shape[1] * dw.shape[2] * dw.shape[3];
    weight_gradient<T>(window, x, dy, dw.shape, dw.as<T>(), dw.shape.numel(), Copied<T>::terms, DenseProducts<T>{dw.shape[0] / window.groups, terms});
  });
}

}  // namespace bonsai::BONSAI_ISA
