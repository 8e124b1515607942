// The weight gradient of a convolution, dw[o, k] = Σ over images and pixels of dy[o, pixel] x[pixel + tap k]: rows of dy times rows of sheets
// (sheet.h), vectors of pixels at a time. A tile of R x 4 products keeps its sums in registers for a run of some thousand pixels; then the
// lanes of each are added up and the run's sums go onto dw.
//
// Cut by shape alone: images into parts, and channels into chunks whose sheets stay in the second-level cache. A part sums run after run, and
// the parts are added up at the end in their order.
#include "core/cpu/lanes.h"
#include "core/cpu/sheet.h"
#include "core/parallel.h"

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

template <class T, class Tile, int Parts>
void dots_of(int rows, const Run<T>& run, const T* const* x, int there, T* out, std::int64_t out_row, bool fresh) {
  auto call = [&]<int R>() { dots<T, R, Tile::terms, Parts>(run, x, there, out, out_row, fresh); };
  if (rows == 1) return call.template operator()<1>();
  if (rows == 2) return call.template operator()<2>();
  if (rows == 3) return call.template operator()<3>();
  if constexpr (Tile::rows > 3) {
    if (rows == 4) return call.template operator()<4>();
    if (rows == 5) return call.template operator()<5>();
    return call.template operator()<6>();
  }
}

// How the work is cut.
struct Cut {
  std::int64_t run, runs, parts;  // images a run, runs, parts of runs
  std::int64_t chunk, chunks;     // channels a chunk
};
Cut cut(std::int64_t images, std::int64_t channels, std::int64_t groups, std::int64_t plane) {
  constexpr std::int64_t pixels = 1024, channels_at_once = 16, tiles = 32;
  Cut c{};
  c.run = std::clamp<std::int64_t>(pixels / plane, 1, images);
  c.runs = ceil_div(images, c.run);
  c.chunk = std::min(channels, channels_at_once);
  c.chunks = ceil_div(channels, c.chunk);
  c.parts = std::clamp<std::int64_t>(tiles / (c.chunks * groups), 1, c.runs);
  return c;
}

template <class T>
void weight_gradient(const Window& window, View x, View dy, View dw) {
  constexpr int width = Simd<T>::width;
  const std::int64_t kh = dw.shape[2], kw = dw.shape[3], inputs = dw.shape[1], outputs = dw.shape[0] / window.groups, taps = kh * kw;
  const std::int64_t picture = x.shape[2] * x.shape[3], plane = dy.shape[2] * dy.shape[3], images = x.shape[0], all_terms = inputs * taps;
  if (dw.shape.numel() == 0) return;
  if (images == 0) {
    lay_zeros(dw.as<T>(), dw.shape.numel());
    return;
  }
  SheetAxis rows(kh), columns(kw);
  Scratch<Tap> tap_rows(kh), tap_columns(kw);
  sheets_of_input(rows, tap_rows.data(), kh, x.shape[2], dy.shape[2], window);
  sheets_of_input(columns, tap_columns.data(), kw, x.shape[3], dy.shape[3], window);
  const Cut c = cut(images, inputs, window.groups, plane);
  Scratch<std::int64_t> offset(c.chunk * taps);
  tap_places(c.chunk, rows, tap_rows.data(), kh, columns, tap_columns.data(), kw, offset.data());

  // The pixels of a run: where they lie in the sheets and in dy, a piece or a vector at a time.
  const Grid grid{c.run, dy.shape[2], dy.shape[3]};
  const int piece = piece_of<T>(grid, width);
  const bool in_place = reads_in_place<T>(piece) && plane % width == 0;
  const std::int64_t size = c.chunk * sheet_size(rows, columns), pieces = grid.pixels() / piece, padded = ceil_div(grid.pixels(), width) * width;
  Scratch<std::int64_t> from(pieces), steps(padded / width), y_place(padded / width);
  for (std::int64_t q = 0; q < pieces; ++q) from[q] = Steps{size, columns.extent, 1}.place(grid, q * piece);
  for (std::int64_t i = 0; i < padded / width; ++i) {
    steps[i] = i * width;
    y_place[i] = i * width / plane * dy.shape[1] * plane + i * width % plane;
  }

  Scratch<T> partial(c.parts > 1 ? c.parts * dw.shape.numel() : 1);
  const std::int64_t tiles = c.parts * window.groups * c.chunks;
  parallel_for(tiles, [&](std::int64_t tile) {
    const std::int64_t part = tile / (window.groups * c.chunks), group = tile / c.chunks % window.groups, channel = tile % c.chunks * c.chunk;
    const std::int64_t channels = std::min(c.chunk, inputs - channel), terms = channels * taps;
    T* out = (c.parts > 1 ? partial.data() + part * dw.shape.numel() : dw.as<T>()) + group * outputs * all_terms + channel * taps;
    Scratch<T> sheets(c.run * size), x_rows(in_place ? 1 : Copied<T>::terms * padded), y_rows(in_place ? 1 : outputs * padded);
    const std::int64_t first_run = part * c.runs / c.parts, last_run = (part + 1) * c.runs / c.parts;
    for (std::int64_t run = first_run; run < last_run; ++run) {
      const std::int64_t n = run * c.run, now = std::min(c.run, images - n), pixels = now * plane, count = ceil_div(pixels, width);
      for (std::int64_t i = 0; i < now; ++i)
        lay_sheets(x.as<const T>() + ((n + i) * x.shape[1] + group * inputs + channel) * picture, channels, rows, columns, sheets.data() + i * size);
      const T* y = dy.as<const T>() + (n * dy.shape[1] + group * outputs) * plane;
      const bool fresh = run == first_run;
      if (in_place) {
        auto all = [&]<int Parts>() {
          using Tile = InPlace<T>;
          for (std::int64_t o = 0; o < outputs; o += Tile::rows)
            for (std::int64_t k = 0; k < terms; k += Tile::terms) {
              const int there = static_cast<int>(std::min<std::int64_t>(Tile::terms, terms - k));
              const T* term[Tile::terms];
              for (int s = 0; s < Tile::terms; ++s) term[s] = sheets.data() + offset[k + std::min(s, there - 1)];
              dots_of<T, Tile, Parts>(static_cast<int>(std::min<std::int64_t>(Tile::rows, outputs - o)), {count, y + o * plane, plane, y_place.data(), from.data()}, term,
                                      there, out + o * all_terms + k, all_terms, fresh);
            }
        };
        if (piece == width) all.template operator()<1>();
        else all.template operator()<2>();
        continue;
      }
      using Tile = Copied<T>;
      for (std::int64_t o = 0; o < outputs; ++o) {
        T* to = y_rows.data() + o * padded;
        for (std::int64_t i = 0; i < now; ++i)
          for (std::int64_t j = 0; j < plane; ++j) *to++ = y[(i * dy.shape[1] + o) * plane + j];
        lay_zeros(to, count * width - pixels);
      }
      for (std::int64_t k = 0; k < terms; k += Tile::terms) {
        const int there = static_cast<int>(std::min<std::int64_t>(Tile::terms, terms - k));
        const T* term[Tile::terms];
        for (int s = 0; s < Tile::terms; ++s) {
          T* to = x_rows.data() + s * padded;
          term[s] = to;
          gather_pieces(sheets.data() + offset[k + std::min(s, there - 1)], from.data(), piece, pixels / piece, to);
          lay_zeros(to + pixels, count * width - pixels);
        }
        for (std::int64_t o = 0; o < outputs; o += Tile::rows)
          dots_of<T, Tile, 1>(static_cast<int>(std::min<std::int64_t>(Tile::rows, outputs - o)), {count, y_rows.data() + o * padded, padded, steps.data(), steps.data()}, term,
                              there, out + o * all_terms + k, all_terms, fresh);
      }
    }
  });
  if (c.parts == 1) return;
  constexpr std::int64_t at_once = 4096;
  parallel_for(ceil_div(dw.shape.numel(), at_once), [&](std::int64_t tile) {
    const std::int64_t end = std::min(dw.shape.numel(), (tile + 1) * at_once);
    for (std::int64_t i = tile * at_once; i < end; ++i) dw.as<T>()[i] = partial[i];
    for (std::int64_t part = 1; part < c.parts; ++part)
      for (std::int64_t i = tile * at_once; i < end; ++i) dw.as<T>()[i] += partial[part * dw.shape.numel() + i];
  });
}

}  // namespace

void conv2d_weight_gradient(Window window, View x, View dy, View dw) {
  on_real(x.dtype, [&]<class T>() { weight_gradient<T>(window, x, dy, dw); });
}

}  // namespace bonsai::BONSAI_ISA
