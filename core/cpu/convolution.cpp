// Convolution and its input gradient. A tile is an image, or a few small ones: its sheets (sheet.h) are laid out once and stay in the
// second-level cache, and then it is a product of matrices,
//
//   out (outputs, pixels) = W (outputs, terms) Sheets (terms, pixels)        terms: (channel, kernel row, kernel column)
//
// with gemm's innermost loop (micro.h), whose right-hand rows are places in the sheets: nothing is copied for the kernel's overlapping
// windows, as im2col would. Only where a row of pixels holds no whole number of vectors are the places' pixels first copied together.
#include "core/cpu/micro.h"
#include "core/cpu/sheet.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {
namespace {

// out[r, pixel] = bias[r] + Σ_k w[r, k] sheets[offset[k] + place of the pixel]
template <class T>
struct Correlation {
  std::int64_t rows, terms;
  const T* w;                  // (rows, terms)
  const std::int64_t* offset;  // (terms)
  const T* bias;               // (rows) or null
  Grid grid;
  Steps in, out;
  std::int64_t out_channel;
};

template <class T>
void correlate(const Correlation<T>& c, const T* sheets, T* out) {
  constexpr int width = Simd<T>::width, panel = panel_columns<T>;
  const int piece = piece_of<T>(c.grid, panel), pieces = panel / piece;
  const bool in_place = reads_in_place<T>(piece), one_run = c.out.column == 1 && c.out.row == c.grid.width && c.grid.images == 1;
  const std::int64_t block_steps = in_place ? std::max<std::int64_t>(1, c.terms) : k_block;
  Scratch<T> sums(c.rows * panel), block(in_place ? 1 : k_block * panel);
  std::int64_t from[panel], to[panel];  // a piece's place in the sheets, in the output

  for (std::int64_t first = 0; first < c.grid.pixels(); first += panel) {
    const auto there = static_cast<int>(std::min<std::int64_t>(panel, c.grid.pixels() - first));
    for (int q = 0; q < pieces; ++q) {
      const std::int64_t pixel = q * piece < there ? first + q * piece : first;  // (beyond the end: anything that can be read)
      from[q] = c.in.place(c.grid, pixel);
      to[q] = c.out.place(c.grid, pixel);
    }
    for (std::int64_t k = 0; k < c.terms || k == 0; k += block_steps) {
      const std::int64_t steps = std::min<std::int64_t>(block_steps, c.terms - k);
      auto all_rows = [&](auto b) {
        for (std::int64_t r = 0; r < c.rows; r += tile_rows)
          micro_rows<T, 1>(static_cast<int>(std::min<std::int64_t>(tile_rows, c.rows - r)), steps, c.w + r * c.terms + k, c.terms, 1, b, sums.data() + r * panel, k == 0);
      };
      auto scattered = [&]<int Parts>() {
        ScatteredPanel<T, Parts> b{sheets, c.offset + k, {}};
        for (int v = 0; v < Parts * vectors; ++v) b.place[v] = from[v];
        all_rows(b);
      };
      if (piece == width) scattered.template operator()<1>();
      else if (in_place) scattered.template operator()<2>();
      else {
        for (std::int64_t p = 0; p < steps; ++p) gather_pieces(sheets + c.offset[k + p], from, piece, pieces, block.data() + p * panel);
        all_rows(PackedPanel<T>{block.data()});
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
template <class T>
std::int64_t images_together(std::int64_t images, std::int64_t plane) {
  constexpr std::int64_t panel = panel_columns<T>;
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
  each_tile(window.groups, x.shape[0], images_together<T>(x.shape[0], plane), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(x.as<const T>() + ((n + i) * x.shape[1] + group * inputs) * picture, inputs, rows, columns, sheets.data() + i * size);
    correlate<T>({outputs, terms, w.as<const T>() + group * outputs * terms, offset.data(), bias.data ? bias.as<const T>() + group * outputs : nullptr,
                  {images, y.shape[2], y.shape[3]}, {size, columns.extent, 1}, {y.shape[1] * plane, y.shape[3], 1}, plane},
                 sheets.data(), y.as<T>() + (n * y.shape[1] + group * outputs) * plane);
  });
}

// Which taps of the kernel reach the pixels of dx of one residue, and from where in dy's sheet.
struct Reaching {
  std::int64_t entry, shift;
};
inline std::int64_t reaching(Reaching* out, const SheetAxis& a, std::int64_t r, std::int64_t entries, const Window& w) {
  std::int64_t count = 0;
  for (std::int64_t j = 0; j < entries; ++j)
    if (reaches(r, j, w)) out[count++] = {j, (r + w.padding - j * w.dilation) / w.stride - a.low};
  return count;
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
  each_tile(window.groups, dx.shape[0], images_together<T>(dx.shape[0], largest), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(dy.as<const T>() + ((n + i) * dy.shape[1] + group * outputs) * plane, outputs, rows, columns, sheets.data() + i * size);
    const T* weights = turned.data();
    const std::int64_t* places = offset.data();
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t r = part / residue_columns, q = part % residue_columns;
      correlate<T>({inputs, terms[part], weights + group * inputs * terms[part], places, nullptr,
                    {images, ceil_div(height - r, stride), ceil_div(width - q, stride)}, {size, columns.extent, 1},
                    {dx.shape[1] * height * width, stride * width, stride}, height * width},
                   sheets.data(), dx.as<T>() + (n * dx.shape[1] + group * inputs) * height * width + r * width + q);
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
