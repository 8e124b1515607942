// What weight gradients of convolutions are made of: products of rows of dy with rows of sheets (sheet.h), summed over images and pixels. A
// tile of products keeps its sums in registers for a run of about a thousand pixels; then the lanes of each are added up and the run's sums
// go onto dw.
//
// The work is cut by shape alone: images into parts, and channels into chunks whose sheets stay in the second-level cache. A part sums run
// after run, and the parts are added up at the end in their order.
#pragma once
#include "core/cpu/lanes.h"
#include "core/cpu/sheet.h"
#include "core/parallel.h"

namespace bonsai::BONSAI_ISA {

// Vectors of pixels, n of them: the i-th of row r of dy at y[r row + y_place[i]]; of a term at x + x_place[i], or half there and half at the next.
template <class T>
struct Run {
  std::int64_t n;
  const T* y;
  std::int64_t row;
  const std::int64_t *y_place, *x_place;
};

// out[r, s] (+)= Σ_i y[r, i] x_s[i] for R rows, and the terms of the tile of which `there` count.
template <class T, int R, int S, int Parts>
void dots(const Run<T>& run, const T* const* x, int there, T* out, std::int64_t out_row, bool fresh) {
  Vec<T> sum[R][S];
  for (int r = 0; r < R; ++r)
    for (int s = 0; s < S; ++s) sum[r][s] = Vec<T>{};
  for (std::int64_t i = 0; i < run.n; ++i) {
    Vec<T> a[R];
    for (int r = 0; r < R; ++r) a[r] = load<T>(run.y + r * run.row + run.y_place[i]);
    for (int s = 0; s < S; ++s) {
      const Vec<T> b = Parts == 1 ? load<T>(x[s] + run.x_place[i]) : load_halves<T>(x[s] + run.x_place[2 * i], x[s] + run.x_place[2 * i + 1]);
      for (int r = 0; r < R; ++r) sum[r][s] += a[r] * b;
    }
  }
  for (int r = 0; r < R; ++r) {
    const Vec<T> totals = sums_of<T, S>(sum[r]);
    for (int s = 0; s < S; ++s)
      if (s < there) out[r * out_row + s] = fresh ? totals[s] : out[r * out_row + s] + totals[s];
  }
}

// A chunk of channels of a run of images, laid out: which terms it has, and where their pixels are.
template <class T>
struct Chunk {
  std::int64_t group, first_term, terms;
  int parts;                    // of a vector: 1 or 2 where terms are read in place, 0 where they are copied together
  Run<T> run;                   // from dy's first row of the group
  const T* sheets;
  const std::int64_t* offset;   // (terms)
  const std::int64_t* piece_place;
  std::int64_t piece, pixels, padded;  // copied: a term has so many pixels, in pieces, and zeros up to padded
  const T* term(std::int64_t k) const { return sheets + offset[k]; }
  void copy(std::int64_t k, T* to) const {
    gather_pieces(term(k), piece_place, static_cast<int>(piece), pixels / piece, to);
    lay_zeros(to + pixels, run.n * Simd<T>::width - pixels);
  }
  // The same run from row o on, and only so many rows.
  Run<T> from_row(std::int64_t o) const { return {run.n, run.y + o * run.row, run.row, run.y_place, run.x_place}; }
};

// How the work is cut.
struct Cut {
  std::int64_t run, runs, parts;  // images a run, runs, parts of runs
  std::int64_t chunk, chunks;     // channels a chunk
};
inline Cut cut(std::int64_t images, std::int64_t channels, std::int64_t groups, std::int64_t plane) {
  constexpr std::int64_t pixels = 1024, channels_at_once = 16, tiles = 32;
  Cut c{};
  c.run = std::clamp<std::int64_t>(pixels / plane, 1, images);
  c.runs = ceil_div(images, c.run);
  c.chunk = std::min(channels, channels_at_once);
  c.chunks = ceil_div(channels, c.chunk);
  c.parts = std::clamp<std::int64_t>(tiles / (c.chunks * groups), 1, c.runs);
  return c;
}

// Fills out (size), dw's entries or those of them that are kept: product(chunk, copies, out, fresh) adds a chunk's products, or sets them if
// nothing was there yet; copies has room for `copied_terms` of its terms, all of them if 0.
template <class T, class Product>
void weight_gradient(const Window& window, View x, View dy, const Shape& w, T* dw, std::int64_t entries, std::int64_t copied_terms, const Product& product) {
  constexpr int width = Simd<T>::width;
  const std::int64_t inputs = w[1], outputs = w[0] / window.groups, taps = w[2] * w[3];
  const std::int64_t picture = x.shape[2] * x.shape[3], plane = dy.shape[2] * dy.shape[3], images = x.shape[0];
  if (entries == 0) return;
  if (images == 0) {
    lay_zeros(dw, entries);
    return;
  }
  const Cut c = cut(images, inputs, window.groups, plane);
  const InputSheets in(window, x.shape, w, dy.shape, c.chunk);

  // The pixels of a run: where they lie in the sheets and in dy, a piece or a vector at a time.
  const Grid grid{c.run, dy.shape[2], dy.shape[3]};
  const int piece = piece_of<T>(grid, width);
  const bool in_place = reads_in_place<T>(piece) && plane % width == 0;
  const std::int64_t size = in.size, pieces = grid.pixels() / piece, padded = ceil_div(grid.pixels(), width) * width;
  Scratch<std::int64_t> from(pieces), steps(padded / width), y_place(padded / width);
  for (std::int64_t q = 0; q < pieces; ++q) from[q] = Steps{size, in.columns.extent, 1}.place(grid, q * piece);
  for (std::int64_t i = 0; i < padded / width; ++i) {
    steps[i] = i * width;
    y_place[i] = i * width / plane * dy.shape[1] * plane + i * width % plane;
  }

  Scratch<T> partial(c.parts > 1 ? c.parts * entries : 1);
  const std::int64_t tiles = c.parts * window.groups * c.chunks;
  parallel_for(tiles, [&](std::int64_t tile) {
    const std::int64_t part = tile / (window.groups * c.chunks), group = tile / c.chunks % window.groups, channel = tile % c.chunks * c.chunk;
    const std::int64_t channels = std::min(c.chunk, inputs - channel), terms = channels * taps;
    T* out = c.parts > 1 ? partial.data() + part * entries : dw;
    Scratch<T> sheets(c.run * size), copies(in_place ? 1 : (copied_terms ? copied_terms : terms) * padded), y_rows(in_place ? 1 : outputs * padded);
    const std::int64_t first_run = part * c.runs / c.parts, last_run = (part + 1) * c.runs / c.parts;
    for (std::int64_t run = first_run; run < last_run; ++run) {
      const std::int64_t n = run * c.run, now = std::min(c.run, images - n), pixels = now * plane, count = ceil_div(pixels, width);
      for (std::int64_t i = 0; i < now; ++i)
        lay_sheets(x.as<const T>() + ((n + i) * x.shape[1] + group * inputs + channel) * picture, channels, in.rows, in.columns, sheets.data() + i * size);
      const T* y = dy.as<const T>() + (n * dy.shape[1] + group * outputs) * plane;
      if (!in_place)
        for (std::int64_t o = 0; o < outputs; ++o) {
          T* to = y_rows.data() + o * padded;
          for (std::int64_t i = 0; i < now; ++i)
            for (std::int64_t j = 0; j < plane; ++j) *to++ = y[(i * dy.shape[1] + o) * plane + j];
          lay_zeros(to, count * width - pixels);
        }
      const Run<T> pixels_of = in_place ? Run<T>{count, y, plane, y_place.data(), from.data()} : Run<T>{count, y_rows.data(), padded, steps.data(), steps.data()};
      product(Chunk<T>{group, channel * taps, terms, in_place ? width / piece : 0, pixels_of, sheets.data(), in.place(), from.data(), piece, pixels, padded},
              copies.data(), out, run == first_run);
    }
  });
  if (c.parts == 1) return;
  constexpr std::int64_t at_once = 4096;
  parallel_for(ceil_div(entries, at_once), [&](std::int64_t tile) {
    const std::int64_t end = std::min(entries, (tile + 1) * at_once);
    for (std::int64_t i = tile * at_once; i < end; ++i) dw[i] = partial[i];
    for (std::int64_t part = 1; part < c.parts; ++part)
      for (std::int64_t i = tile * at_once; i < end; ++i) dw[i] += partial[part * entries + i];
  });
}

}  // namespace bonsai::BONSAI_ISA
