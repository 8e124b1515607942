// Convolution and its input gradient. A tile is an image, or a few small ones: its sheets (sheet.h) are laid out once and stay in the
// second-level cache, and then it is a product of matrices,
//
//   out (outputs, pixels) = W (outputs, terms) Sheets (terms, pixels)        terms: (channel, kernel row, kernel column)
//
// with gemm's innermost loop (micro.h), whose right-hand rows are places in the sheets: nothing is copied for the kernel's overlapping
// windows, as im2col would. Only where a row of pixels holds no whole number of vectors are the places' pixels first copied together.
#include "core/cpu/correlate.h"

namespace bonsai::BONSAI_ISA {
namespace {

// sums (rows, panel) += or = W times a panel.
template <class T>
struct DenseRows {
  std::int64_t rows;
  const T* w;  // (rows, terms)
  std::int64_t terms;
  template <class Panel>
  void operator()(std::int64_t first, std::int64_t steps, Panel b, T* sums) const {
    for (std::int64_t r = 0; r < rows; r += tile_rows)
      micro_rows<T, 1>(static_cast<int>(std::min<std::int64_t>(tile_rows, rows - r)), steps, w + r * terms + first, terms, 1, b, sums + r * panel_columns<T>, first == 0);
  }
};

template <class T>
void value(const Window& window, View x, View w, View bias, View y) {
  const std::int64_t outputs = w.shape[0] / window.groups, terms = w.shape[1] * w.shape[2] * w.shape[3];
  correlate_input<T, vectors>(window, w.shape, x, bias, y, k_block,
                              [&](std::int64_t group) { return DenseRows<T>{outputs, w.as<const T>() + group * outputs * terms, terms}; });
}

template <class T>
void input_gradient(const Window& window, View dy, View w, View dx) {
  const std::int64_t kh = w.shape[2], kw = w.shape[3], inputs = w.shape[1], outputs = w.shape[0] / window.groups;
  if (dx.shape.numel() == 0) return;
  // Part after part, W with inputs for rows: (groups, inputs, outputs x taps).
  Scratch<T> turned(std::max<std::int64_t>(1, w.shape.numel()));
  Scratch<const T*> weights(residues(dx.shape[2], window) * residues(dx.shape[3], window));
  T* next = turned.data();
  GradientParts parts(window, w.shape, dy.shape, dx.shape, [&](std::int64_t part, const Reaching* rows, std::int64_t h, const Reaching* columns, std::int64_t v) {
    const std::int64_t terms = outputs * h * v;
    weights[part] = next;
    parallel_for(window.groups * inputs, [&](std::int64_t row) {
      const std::int64_t group = row / inputs, c = row % inputs;
      T* to = next + row * terms;
      for (std::int64_t o = 0; o < outputs; ++o)
        for (std::int64_t i = 0; i < h; ++i)
          for (std::int64_t j = 0; j < v; ++j) *to++ = w.as<const T>()[(((group * outputs + o) * inputs + c) * kh + rows[i].entry) * kw + columns[j].entry];
    });
    next += window.groups * inputs * terms;
  });
  correlate_gradient<T, vectors>(window, w.shape, parts, dy, dx, k_block, [&](std::int64_t part, std::int64_t group) {
    return DenseRows<T>{inputs, weights[part] + group * inputs * parts.terms[part], parts.terms[part]};
  });
}

}  // namespace

void conv2d(Window window, View x, View w, View bias, View y) {
  on_real(x.dtype, [&]<class T>() { value<T>(window, x, w, bias, y); });
}
void conv2d_input_gradient(Window window, View dy, View w, View dx) {
  on_real(dy.dtype, [&]<class T>() { input_gradient<T>(window, dy, w, dx); });
}

}  // namespace bonsai::BONSAI_ISA
