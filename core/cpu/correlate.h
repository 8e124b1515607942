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

}  // namespace bonsai::BONSAI_ISA
