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
void forward(const Window& window, View x, View w, View bias, View y) {
  const std::int64_t kh = w.shape[2], kw = w.shape[3], inputs = w.shape[1], outputs = w.shape[0] / window.groups, terms = inputs * kh * kw;
  const std::int64_t picture = x.shape[2] * x.shape[3], plane = y.shape[2] * y.shape[3];
  if (y.shape.numel() == 0) return;
  SheetAxis rows(kh), columns(kw);
  Scratch<Tap> tap_rows(kh), tap_columns(kw);
  sheets_of_input(rows, tap_rows.data(), kh, x.shape[2], y.shape[2], window);
  sheets_of_input(columns, tap_columns.data(), kw, x.shape[3], y.shape[3], window);
  Scratch<std::int64_t> offset(std::max<std::int64_t>(1, terms));
  tap_places(inputs, rows, tap_rows.data(), kh, columns, tap_columns.data(), kw, offset.data());
  const std::int64_t size = inputs * sheet_size(rows, columns);
  each_tile(window.groups, x.shape[0], images_together(x.shape[0], plane, panel_columns<T>), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(x.as<const T>() + ((n + i) * x.shape[1] + group * inputs) * picture, inputs, rows, columns, sheets.data() + i * size);
    correlate<T, vectors>({outputs, terms, offset.data(), bias.data ? bias.as<const T>() + group * outputs : nullptr, {images, y.shape[2], y.shape[3]},
                           {size, columns.extent, 1}, {y.shape[1] * plane, y.shape[3], 1}, plane},
                          k_block, sheets.data(), y.as<T>() + (n * y.shape[1] + group * outputs) * plane,
                          DenseRows<T>{outputs, w.as<const T>() + group * outputs * terms, terms});
  });
}

template <class T>
void input_gradient(const Window& window, View dy, View w, View dx) {
  const std::int64_t kh = w.shape[2], kw = w.shape[3], inputs = w.shape[1], outputs = w.shape[0] / window.groups;
  const std::int64_t height = dx.shape[2], width = dx.shape[3], plane = dy.shape[2] * dy.shape[3], stride = window.stride;
  if (dx.shape.numel() == 0) return;
  SheetAxis rows(1), columns(1);
  sheets_of_gradient(rows, kh, height, dy.shape[2], window);
  sheets_of_gradient(columns, kw, width, dy.shape[3], window);
  const std::int64_t size = outputs * rows.extent * columns.extent;

  // For each residue its taps, their places, and W with inputs for rows: (groups, inputs, outputs x taps).
  const std::int64_t residue_rows = residues(height, window), residue_columns = residues(width, window), parts = residue_rows * residue_columns;
  Scratch<Reaching> tap_rows(kh), tap_columns(kw);
  Scratch<std::int64_t> offset(std::max<std::int64_t>(1, outputs * kh * kw)), terms(parts);
  Scratch<T> turned(std::max<std::int64_t>(1, w.shape.numel()));
  std::int64_t done = 0, taps_done = 0;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t h = reaching(tap_rows.data(), rows, part / residue_columns, kh, window), v = reaching(tap_columns.data(), columns, part % residue_columns, kw, window);
    terms[part] = outputs * h * v;
    for (std::int64_t o = 0, k = taps_done; o < outputs; ++o)
      for (std::int64_t i = 0; i < h; ++i)
        for (std::int64_t j = 0; j < v; ++j) offset[k++] = (o * rows.extent + tap_rows[i].shift) * columns.extent + tap_columns[j].shift;
    parallel_for(window.groups * inputs, [&](std::int64_t row) {
      const std::int64_t group = row / inputs, c = row % inputs;
      T* to = turned.data() + done + row * terms[part];
      for (std::int64_t o = 0; o < outputs; ++o)
        for (std::int64_t i = 0; i < h; ++i)
          for (std::int64_t j = 0; j < v; ++j)
            *to++ = w.as<const T>()[(((group * outputs + o) * inputs + c) * kh + tap_rows[i].entry) * kw + tap_columns[j].entry];
    });
    taps_done += terms[part];
    done += window.groups * inputs * terms[part];
  }

  const std::int64_t largest = ceil_div(height, stride) * ceil_div(width, stride);
  each_tile(window.groups, dx.shape[0], images_together(dx.shape[0], largest, panel_columns<T>), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(dy.as<const T>() + ((n + i) * dy.shape[1] + group * outputs) * plane, outputs, rows, columns, sheets.data() + i * size);
    const T* weights = turned.data();
    const std::int64_t* places = offset.data();
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t r = part / residue_columns, q = part % residue_columns;
      correlate<T, vectors>({inputs, terms[part], places, nullptr, {images, ceil_div(height - r, stride), ceil_div(width - q, stride)}, {size, columns.extent, 1},
                             {dx.shape[1] * height * width, stride * width, stride}, height * width},
                            k_block, sheets.data(), dx.as<T>() + (n * dx.shape[1] + group * inputs) * height * width + r * width + q,
                            DenseRows<T>{inputs, weights + group * inputs * terms[part], terms[part]});
      weights += window.groups * inputs * terms[part];
      places += terms[part];
    }
  });
}

}  // namespace

void conv2d(Window window, View x, View w, View bias, View y) {
  on_real(x.dtype, [&]<class T>() { forward<T>(window, x, w, bias, y); });
}
void conv2d_input_gradient(Window window, View dy, View w, View dx) {
  on_real(dy.dtype, [&]<class T>() { input_gradient<T>(window, dy, w, dx); });
}

}  // namespace bonsai::BONSAI_ISA
