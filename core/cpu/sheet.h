// Sheets: a convolution of any stride, dilation and padding as one of stride 1, so that its kernels need to know no other. On one axis,
//
//   y[q] = Σ_j w[j] x[q s + a_j],   a_j = j dilation - padding = s shift_j + phase_j,   0 <= phase_j < s
//        = Σ_j w[j] sheet[phase_j][q + shift_j]
//
// where sheet p holds x's pixels p, p + s, p + 2 s, ... side by side, with zeros around them where taps reach beyond the picture. Neighbouring
// outputs meet neighbouring pixels of a sheet whatever the tap, so the outputs are vectors and a tap is a place to read from. The input
// gradient goes the same way with dy for x: the pixels of dx of one residue modulo s are a convolution of dy, of the taps that reach them.
#pragma once
#include <algorithm>
#include <cstring>

#include "core/cpu/kernels.h"
#include "core/cpu/lanes.h"
#include "core/memory.h"

namespace bonsai::BONSAI_ISA {

inline std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }
inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return -floor_div(-a, b); }

struct Tap {
  std::int64_t sheet, shift;  // shift >= 0, from the sheet's first pixel
};

// One axis: which sheets there are, and what they hold.
struct SheetAxis {
  explicit SheetAxis(std::int64_t most) : phase(most) {}
  std::int64_t pixels = 0;                  // of the picture
  std::int64_t step = 1;                    // between pixels of a sheet
  std::int64_t sheets = 0, extent = 0;      // a sheet's pixel t is the picture's pixel (t + low) step + phase
  std::int64_t low = 0;
  Scratch<std::int64_t> phase;
  // Pixels begin .. end - 1 of sheet p lie inside the picture, the first at `first`.
  struct Inside {
    std::int64_t begin, end, first;
  };
  Inside inside(std::int64_t p) const {
    const std::int64_t from = ceil_div(-phase[p], step) - low, to = floor_div(pixels - 1 - phase[p], step) + 1 - low;
    const std::int64_t begin = std::clamp<std::int64_t>(from, 0, extent), end = std::clamp<std::int64_t>(to, begin, extent);
    return {begin, end, (begin + low) * step + phase[p]};
  }
};

// For y of `outputs` pixels from x of `pixels`: taps[j] for the kernel's entries.
inline void sheets_of_input(SheetAxis& a, Tap* taps, std::int64_t entries, std::int64_t pixels, std::int64_t outputs, const Window& w) {
  a.pixels = pixels;
  a.step = w.stride;
  std::int64_t high = 0;
  for (std::int64_t j = 0; j < entries; ++j) {
    const std::int64_t at = j * w.dilation - w.padding, shift = floor_div(at, w.stride), phase = at - shift * w.stride;
    std::int64_t sheet = 0;
    while (sheet < a.sheets && a.phase[sheet] != phase) ++sheet;
    if (sheet == a.sheets) a.phase[a.sheets++] = phase;
    taps[j] = {sheet, shift};
    a.low = j == 0 ? shift : std::min(a.low, shift);
    high = j == 0 ? shift : std::max(high, shift);
  }
  for (std::int64_t j = 0; j < entries; ++j) taps[j].shift -= a.low;
  a.extent = outputs + high - a.low;
}

// For dx of `pixels` pixels, of which those r, r + s, r + 2 s, ... are worked on together, from dy of `outputs`.
inline bool reaches(std::int64_t r, std::int64_t j, const Window& w) { return (r + w.padding - j * w.dilation) % w.stride == 0; }
inline std::int64_t residues(std::int64_t pixels, const Window& w) { return std::min(pixels, w.stride); }
inline void sheets_of_gradient(SheetAxis& a, std::int64_t entries, std::int64_t pixels, std::int64_t outputs, const Window& w) {
  a.pixels = outputs;
  a.sheets = 1;
  a.phase[0] = 0;
  std::int64_t high = 0;
  bool any = false;
  for (std::int64_t r = 0; r < residues(pixels, w); ++r)
    for (std::int64_t j = 0; j < entries; ++j) {
      if (!reaches(r, j, w)) continue;
      const std::int64_t shift = (r + w.padding - j * w.dilation) / w.stride;
      a.low = any ? std::min(a.low, shift) : shift;
      high = any ? std::max(high, shift) : shift;
      any = true;
    }
  a.extent = ceil_div(pixels, w.stride) + high - a.low;
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

// All sheets of some channels of one picture (channels, height, width), one after the other: (channels, y.sheets, x.sheets, y.extent, x.extent).
inline std::int64_t sheet_size(const SheetAxis& y, const SheetAxis& x) { return y.sheets * x.sheets * y.extent * x.extent; }
template <class T>
T* lay_zeros(T* to, std::int64_t n) {
  constexpr int w = Simd<T>::width;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) store(to + i, Vec<T>{});
  for (; i < n; ++i) to[i] = T(0);
  return to + n;
}
template <class T>
void lay_row(const T* from, std::int64_t n, T* to) {
  constexpr int w = Simd<T>::width;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) {
    __builtin_prefetch(from + i + fetched_ahead);
    store(to + i, load(from + i));
  }
  if (i == n) return;
  if (n >= w) return store(to + n - w, load(from + n - w));
  for (i = 0; i < n; ++i) to[i] = from[i];
}
template <class T>
void lay_sheets(const T* __restrict picture, std::int64_t channels, const SheetAxis& y, const SheetAxis& x, T* __restrict to) {
  for (std::int64_t c = 0; c < channels; ++c, picture += y.pixels * x.pixels)
    for (std::int64_t p = 0; p < y.sheets; ++p)
      for (std::int64_t q = 0; q < x.sheets; ++q) {
        const SheetAxis::Inside rows = y.inside(p), columns = x.inside(q);
        const std::int64_t step = x.step, count = columns.end - columns.begin;
        to = lay_zeros(to, rows.begin * x.extent);
        const T* __restrict from = picture + rows.first * x.pixels + columns.first;
        for (std::int64_t t = rows.begin; t < rows.end; ++t, to += x.extent, from += y.step * x.pixels) {
          lay_zeros(to, columns.begin);
          if (step == 1) lay_row(from, count, to + columns.begin);
          else if (step == 2)
            for (std::int64_t u = 0; u < count; ++u) to[columns.begin + u] = from[2 * u];
          else
            for (std::int64_t u = 0; u < count; ++u) to[columns.begin + u] = from[u * step];
          lay_zeros(to + columns.end, x.extent - columns.end);
        }
        to = lay_zeros(to, (y.extent - rows.end) * x.extent);
      }
}

// Where in an image's sheets the pixel of output 0 lies, for every (channel, kernel row, kernel column).
inline void tap_places(std::int64_t channels, const SheetAxis& y, const Tap* rows, std::int64_t kh, const SheetAxis& x, const Tap* columns, std::int64_t kw,
                       std::int64_t* place) {
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < kh; ++i)
      for (std::int64_t j = 0; j < kw; ++j)
        *place++ = (((c * y.sheets + rows[i].sheet) * x.sheets + columns[j].sheet) * y.extent + rows[i].shift) * x.extent + columns[j].shift;
}

// A convolution's input, ready to be laid out, `channels` of it at a time: what its value and its weight gradient read.
struct InputSheets {
  SheetAxis rows, columns;
  std::int64_t terms, size;  // of the channels; numbers in one image's sheets
  InputSheets(const Window& window, const Shape& x, const Shape& w, const Shape& y, std::int64_t channels)
      : rows(w[2]), columns(w[3]), terms(channels * w[2] * w[3]), size(0), places_(std::max<std::int64_t>(1, terms)) {
    Scratch<Tap> tap_rows(w[2]), tap_columns(w[3]);
    sheets_of_input(rows, tap_rows.data(), w[2], x[2], y[2], window);
    sheets_of_input(columns, tap_columns.data(), w[3], x[3], y[3], window);
    tap_places(channels, rows, tap_rows.data(), w[2], columns, tap_columns.data(), w[3], places_.data());
    size = channels * sheet_size(rows, columns);
  }
  const std::int64_t* place() const { return places_.data(); }  // (terms): where the term's pixel of output 0 lies

 private:
  Scratch<std::int64_t> places_;
};

// The outputs of some images, image by image and row by row, and where they lie in an array. A row is cut into pieces of so many neighbours.
struct Grid {
  std::int64_t images, height, width;
  std::int64_t pixels() const { return images * height * width; }
};
struct Steps {
  std::int64_t image, row, column;
  std::int64_t place(const Grid& g, std::int64_t pixel) const {
    const std::int64_t plane = g.height * g.width, in = pixel % plane;
    return pixel / plane * image + in / g.width * row + in % g.width * column;
  }
};
// How many neighbours a piece has: a vector or half of one, which are read where they lie; else a few, at most `most`, which are copied together.
template <class T>
int piece_of(const Grid& g, int most) {
  int piece = Simd<T>::width;
  while (g.width % piece != 0 || piece > most) piece /= 2;
  return piece;
}
template <class T>
bool reads_in_place(int piece) { return piece >= Simd<T>::width / 2; }
// to[q piece + i] = from[place[q] + i]
template <class T>
void gather_pieces(const T* from, const std::int64_t* place, int piece, std::int64_t count, T* to) {
  auto copy = [&]<int P>() {
    for (std::int64_t q = 0; q < count; ++q)
      std::memcpy(to + q * P, from + place[q], P * sizeof(T));
  };
  switch (piece) {
    case 1: return copy.template operator()<1>();
    case 2: return copy.template operator()<2>();
    case 4: return copy.template operator()<4>();
    case 8: return copy.template operator()<8>();
    default: return copy.template operator()<16>();
  }
}

}  // namespace bonsai::BONSAI_ISA
