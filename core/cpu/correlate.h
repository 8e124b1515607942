// What convolutions and their input gradients are made of: a product of weights with sheets (sheet.h), a panel of pixels at a time.
#pragma once
#include "core/cpu/micro.h"
#include "core/cpu/sheet.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {

// out[r, pixel] = bias[r] + Σ_k w[r, k] sheets[offset[k] + place of the pixel]
template <class T>
struct Correlation {  // all but the weights
  std::int64_t rows, terms;
  const std::int64_t* offset;  // (terms)
  const T* bias;               // (rows) or null
  Grid grid;
  Steps in, out;
  std::int64_t out_channel;
};

// V vectors of pixels at a time. product(first, steps, panel, sums) multiplies W's terms first .. first + steps - 1 with the panel's rows and
// sets sums (rows, V vectors), or adds to them if they are not the first terms. Copied panels have at most `block_terms`.
template <class T, int V, class Product>
void correlate(const Correlation<T>& c, std::int64_t block_terms, const T* sheets, T* out, const Product& product) {
  constexpr int width = Simd<T>::width, panel = V * width;
  const int piece = piece_of<T>(c.grid, panel), pieces = panel / piece;
  const bool in_place = reads_in_place<T>(piece), one_run = c.out.column == 1 && c.out.row == c.grid.width && c.grid.images == 1;
  const std::int64_t together = std::max<std::int64_t>(1, in_place ? c.terms : std::min(c.terms, block_terms));
  Scratch<T> sums(c.rows * panel), block(in_place ? 1 : together * panel);
  std::int64_t from[panel], to[panel];  // a piece's place in the sheets, in the output

  for (std::int64_t first = 0; first < c.grid.pixels(); first += panel) {
    const auto there = static_cast<int>(std::min<std::int64_t>(panel, c.grid.pixels() - first));
    for (int q = 0; q < pieces; ++q) {
      const std::int64_t pixel = q * piece < there ? first + q * piece : first;  // (beyond the end: anything that can be read)
      from[q] = c.in.place(c.grid, pixel);
      to[q] = c.out.place(c.grid, pixel);
    }
    for (std::int64_t k = 0; k < c.terms || k == 0; k += together) {
      const std::int64_t steps = std::min(together, c.terms - k);
      auto scattered = [&]<int Parts>() {
        ScatteredPanel<T, V, Parts> b{sheets, c.offset + k, {}};
        for (int v = 0; v < Parts * V; ++v) b.place[v] = from[v];
        product(k, steps, b, sums.data());
      };
      if (piece == width) scattered.template operator()<1>();
      else if (in_place) scattered.template operator()<2>();
      else {
        for (std::int64_t p = 0; p < steps; ++p) gather_pieces(sheets + c.offset[k + p], from, piece, pieces, block.data() + p * panel);
        product(k, steps, PackedPanel<T, V>{block.data()}, sums.data());
      }
    }
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const T* sum = sums.data() + r * panel;
      const T bias = c.bias ? c.bias[r] : T(0);
      T* row = out + r * c.out_channel;
      if (one_run && there == panel)
        for (int i = 0; i < panel; ++i) row[to[0] + i] = sum[i] + bias;
      else
        for (int q = 0; q * piece < there; ++q)
          for (int i = 0; i < piece; ++i) row[to[q] + i * c.out.column] = sum[q * piece + i] + bias;
    }
  }
}

// How many images go together: enough that the last panel's empty columns are few.
inline std::int64_t images_together(std::int64_t images, std::int64_t plane, std::int64_t panel) {
  std::int64_t together = 1;
  while (together < images && together < panel) {
    const std::int64_t pixels = together * plane, covered = (pixels + panel - 1) / panel * panel;
    if (10 * pixels >= 9 * covered) break;
    ++together;
  }
  return std::max<std::int64_t>(1, together);
}

// f(group, first image, images) for tiles of images, in parallel.
template <class F>
void each_tile(std::int64_t groups, std::int64_t images, std::int64_t together, F f) {
  const std::int64_t tiles = (images + together - 1) / together;
  parallel_for(groups * tiles, [&](std::int64_t t) { f(t / tiles, t % tiles * together, std::min(together, images - t % tiles * together)); });
}

// y = conv2d of x with a weight shaped `w`, whatever its form: rows(group) is the product of correlate() for the group's outputs.
template <class T, int V, class Rows>
void correlate_input(const Window& window, const Shape& w, View x, View bias, View y, std::int64_t block_terms, const Rows& rows) {
  const std::int64_t inputs = w[1], outputs = w[0] / window.groups, picture = x.shape[2] * x.shape[3], plane = y.shape[2] * y.shape[3];
  if (y.shape.numel() == 0) return;
  const InputSheets in(window, x.shape, w, y.shape, inputs);
  each_tile(window.groups, x.shape[0], images_together(x.shape[0], plane, V * Simd<T>::width), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * in.size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(x.as<const T>() + ((n + i) * x.shape[1] + group * inputs) * picture, inputs, in.rows, in.columns, sheets.data() + i * in.size);
    correlate<T, V>({outputs, in.terms, in.place(), bias.data ? bias.as<const T>() + group * outputs : nullptr, {images, y.shape[2], y.shape[3]},
                     {in.size, in.columns.extent, 1}, {y.shape[1] * plane, y.shape[3], 1}, plane},
                    block_terms, sheets.data(), y.as<T>() + (n * y.shape[1] + group * outputs) * plane, rows(group));
  });
}

// The input gradient's parts: the pixels of dx of one residue of the stride, along height and width, which the same taps reach.
struct GradientParts {
  SheetAxis rows, columns;
  std::int64_t across, count, size;     // parts side by side, in all; of dy's sheets of one image
  Scratch<std::int64_t> places, terms;  // part after part the place of every term (output, taps) in dy's sheets; how many a part has
  // part(number, taps of rows, how many, taps of columns, how many) for each.
  template <class F>
  GradientParts(const Window& window, const Shape& w, const Shape& dy, const Shape& dx, F part)
      : rows(1), columns(1), across(residues(dx[3], window)), count(residues(dx[2], window) * across), size(0),
        places(std::max<std::int64_t>(1, w[0] / window.groups * w[2] * w[3])), terms(std::max<std::int64_t>(1, count)) {
    const std::int64_t outputs = w[0] / window.groups;
    sheets_of_gradient(rows, w[2], dx[2], dy[2], window);
    sheets_of_gradient(columns, w[3], dx[3], dy[3], window);
    size = outputs * rows.extent * columns.extent;
    Scratch<Reaching> tap_rows(w[2]), tap_columns(w[3]);
    std::int64_t* place = places.data();
    for (std::int64_t p = 0; p < count; ++p) {
      const std::int64_t h = reaching(tap_rows.data(), rows, p / across, w[2], window), v = reaching(tap_columns.data(), columns, p % across, w[3], window);
      terms[p] = outputs * h * v;
      for (std::int64_t o = 0; o < outputs; ++o)
        for (std::int64_t i = 0; i < h; ++i)
          for (std::int64_t j = 0; j < v; ++j) *place++ = (o * rows.extent + tap_rows[i].shift) * columns.extent + tap_columns[j].shift;
      part(p, tap_rows.data(), h, tap_columns.data(), v);
    }
  }
};

// dx of a convolution with a weight shaped `w`: rows(part, group) is the product of correlate() for the group's inputs.
template <class T, int V, class Rows>
void correlate_gradient(const Window& window, const Shape& w, GradientParts& parts, View dy, View dx, std::int64_t block_terms, const Rows& rows) {
  const std::int64_t inputs = w[1], outputs = w[0] / window.groups, plane = dy.shape[2] * dy.shape[3], stride = window.stride;
  const std::int64_t height = dx.shape[2], width = dx.shape[3], largest = ceil_div(height, stride) * ceil_div(width, stride);
  each_tile(window.groups, dx.shape[0], images_together(dx.shape[0], largest, V * Simd<T>::width), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * parts.size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(dy.as<const T>() + ((n + i) * dy.shape[1] + group * outputs) * plane, outputs, parts.rows, parts.columns, sheets.data() + i * parts.size);
    const std::int64_t* places = parts.places.data();
    for (std::int64_t part = 0; part < parts.count; places += parts.terms[part++]) {
      const std::int64_t r = part / parts.across, q = part % parts.across;
      correlate<T, V>({inputs, parts.terms[part], places, nullptr, {images, ceil_div(height - r, stride), ceil_div(width - q, stride)},
                       {parts.size, parts.columns.extent, 1}, {dx.shape[1] * height * width, stride * width, stride}, height * width},
                      block_terms, sheets.data(), dx.as<T>() + (n * dx.shape[1] + group * inputs) * height * width + r * width + q, rows(part, group));
    }
  });
}

}  // namespace bonsai::BONSAI_ISA
