// Convolutions whose weight is a pattern and its kept values: what is pruned costs nothing. The sheets and the tiles are the dense
// convolution's (correlate.h). A row of W is a list of kept terms: the sums of one output channel, up to eight vectors of pixels, stay in
// registers while the list passes by; a term costs its value, its place, and one load and fused multiply-add a vector.
#include "core/cpu/correlate.h"
#include "core/cpu/dots.h"

namespace bonsai::BONSAI_ISA {
namespace {

constexpr int sparse_vectors = 8;

// Row r has terms term[k], k = begin[r] .. begin[r + 1] - 1, with value number from[k].
template <class T>
struct SparseRows {
  std::int64_t rows;
  const std::int32_t *begin, *term, *from;  // from null: value number k
  const T* values;
  template <class Panel>
  void operator()(std::int64_t, std::int64_t, Panel b, T* sums) const {  // (all terms at once)
    for (std::int64_t r = 0; r < rows; ++r, sums += sparse_vectors * Simd<T>::width) {
      Vec<T> sum[sparse_vectors];
      for (int v = 0; v < sparse_vectors; ++v) sum[v] = Vec<T>{};
      for (std::int32_t k = begin[r]; k < begin[r + 1]; ++k) {
        const T value = values[from ? from[k] : k];
        for (int v = 0; v < sparse_vectors; ++v) sum[v] += value * b(term[k], v);
      }
      for (int v = 0; v < sparse_vectors; ++v) store<T>(sums + v * Simd<T>::width, sum[v]);
    }
  }
};

template <class T>
void forward(SparseView s, const Window& window, const Shape& w, const T* values, View x, const T* bias, View y) {
  constexpr int panel = sparse_vectors * Simd<T>::width;
  const std::int64_t kh = w[2], kw = w[3], inputs = w[1], outputs = w[0] / window.groups, terms = inputs * kh * kw;
  const std::int64_t picture = x.shape[2] * x.shape[3], plane = y.shape[2] * y.shape[3];
  if (y.shape.numel() == 0) return;
  SheetAxis rows(kh), columns(kw);
  Scratch<Tap> tap_rows(kh), tap_columns(kw);
  sheets_of_input(rows, tap_rows.data(), kh, x.shape[2], y.shape[2], window);
  sheets_of_input(columns, tap_columns.data(), kw, x.shape[3], y.shape[3], window);
  Scratch<std::int64_t> offset(std::max<std::int64_t>(1, terms));
  tap_places(inputs, rows, tap_rows.data(), kh, columns, tap_columns.data(), kw, offset.data());
  const std::int64_t size = inputs * sheet_size(rows, columns);
  each_tile(window.groups, x.shape[0], images_together(x.shape[0], plane, panel), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(x.as<const T>() + ((n + i) * x.shape[1] + group * inputs) * picture, inputs, rows, columns, sheets.data() + i * size);
    correlate<T, sparse_vectors>({outputs, terms, offset.data(), bias ? bias + group * outputs : nullptr, {images, y.shape[2], y.shape[3]}, {size, columns.extent, 1},
                                  {y.shape[1] * plane, y.shape[3], 1}, plane},
                                 terms, sheets.data(), y.as<T>() + (n * y.shape[1] + group * outputs) * plane,
                                 SparseRows<T>{outputs, s.begin + group * outputs, s.index, s.from, values});
  });
}

template <class T>
void input_gradient(SparseView by_column, const Window& window, const Shape& w, const T* values, View dy, View dx) {
  constexpr int panel = sparse_vectors * Simd<T>::width;
  const std::int64_t kh = w[2], kw = w[3], inputs = w[1], outputs = w[0] / window.groups;
  const std::int64_t height = dx.shape[2], width = dx.shape[3], plane = dy.shape[2] * dy.shape[3], stride = window.stride;
  if (dx.shape.numel() == 0) return;
  SheetAxis rows(1), columns(1);
  sheets_of_gradient(rows, kh, height, dy.shape[2], window);
  sheets_of_gradient(columns, kw, width, dy.shape[3], window);
  const std::int64_t size = outputs * rows.extent * columns.extent, kept = by_column.begin[by_column.rows];

  // For each residue the places of its terms (output channel, taps), and the kept ones among them, input channel by input channel.
  const std::int64_t residue_rows = residues(height, window), residue_columns = residues(width, window), parts = residue_rows * residue_columns, lists = window.groups * inputs;
  Scratch<Reaching> tap_rows(kh), tap_columns(kw);
  Scratch<std::int64_t> offset(std::max<std::int64_t>(1, outputs * kh * kw)), terms(parts);
  Scratch<std::int32_t> begin(parts * (lists + 1)), term(std::max<std::int64_t>(1, kept)), from(std::max<std::int64_t>(1, kept));
  std::int64_t places = 0;
  std::int32_t found = 0;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t h = reaching(tap_rows.data(), rows, part / residue_columns, kh, window), v = reaching(tap_columns.data(), columns, part % residue_columns, kw, window);
    terms[part] = outputs * h * v;
    for (std::int64_t o = 0; o < outputs; ++o)
      for (std::int64_t i = 0; i < h; ++i)
        for (std::int64_t j = 0; j < v; ++j) offset[places++] = (o * rows.extent + tap_rows[i].shift) * columns.extent + tap_columns[j].shift;
    for (std::int64_t list = 0; list < lists; ++list) {
      begin[part * (lists + 1) + list] = found;
      const std::int64_t group = list / inputs, c = list % inputs;
      for (std::int64_t i = 0; i < h; ++i)
        for (std::int64_t j = 0; j < v; ++j) {
          const std::int64_t column = (c * kh + tap_rows[i].entry) * kw + tap_columns[j].entry;
          for (std::int32_t k = by_column.begin[column]; k < by_column.begin[column + 1]; ++k) {
            const std::int64_t o = by_column.index[k] - group * outputs;
            if (o < 0 || o >= outputs) continue;
            term[found] = static_cast<std::int32_t>((o * h + i) * v + j);
            from[found++] = static_cast<std::int32_t>(by_column.value(k));
          }
        }
    }
    begin[part * (lists + 1) + lists] = found;
  }

  const std::int64_t largest = ceil_div(height, stride) * ceil_div(width, stride);
  each_tile(window.groups, dx.shape[0], images_together(dx.shape[0], largest, panel), [&](std::int64_t group, std::int64_t n, std::int64_t images) {
    Scratch<T> sheets(std::max<std::int64_t>(1, images * size));
    for (std::int64_t i = 0; i < images; ++i)
      lay_sheets(dy.as<const T>() + ((n + i) * dy.shape[1] + group * outputs) * plane, outputs, rows, columns, sheets.data() + i * size);
    const std::int64_t* place = offset.data();
    for (std::int64_t part = 0; part < parts; place += terms[part++]) {
      const std::int64_t r = part / residue_columns, q = part % residue_columns;
      correlate<T, sparse_vectors>({inputs, terms[part], place, nullptr, {images, ceil_div(height - r, stride), ceil_div(width - q, stride)}, {size, columns.extent, 1},
                                    {dx.shape[1] * height * width, stride * width, stride}, height * width},
                                   terms[part], sheets.data(), dx.as<T>() + (n * dx.shape[1] + group * inputs) * height * width + r * width + q,
                                   SparseRows<T>{inputs, begin.data() + part * (lists + 1) + group * inputs, term.data(), from.data(), values});
    }
  });
}

// v_k = dw at the kept entry k = (o, column): several of a row at a time.
template <class T>
struct SparseProducts {
  SparseView s;
  std::int64_t outputs;
  static constexpr int together = Simd<T>::width < 8 ? Simd<T>::width : 8;

  void operator()(const Chunk<T>& c, T* copies, T* values, bool fresh) const {
    if (c.parts == 0)
      for (std::int64_t k = 0; k < c.terms; ++k) c.copy(k, copies + k * c.padded);
    for (std::int64_t o = 0; o < outputs; ++o) {
      const std::int64_t row = c.group * outputs + o;
      const std::int32_t* first = s.index + s.begin[row];
      const std::int32_t* last = s.index + s.begin[row + 1];
      while (first < last && *first < c.first_term) ++first;  // (columns rise)
      for (; first < last && *first < c.first_term + c.terms;) {
        const T* term[together];
        int there = 0;
        while (there < together && first + there < last && first[there] < c.first_term + c.terms) {
          const std::int64_t k = first[there] - c.first_term;
          term[there++] = c.parts ? c.term(k) : copies + k * c.padded;
        }
        for (int i = there; i < together; ++i) term[i] = term[there - 1];
        T* out = values + (first - s.index);
        if (c.parts == 2) dots<T, 1, together, 2>(c.from_row(o), term, there, out, 0, fresh);
        else dots<T, 1, together, 1>(c.from_row(o), term, there, out, 0, fresh);
        first += there;
      }
    }
  }
};

}  // namespace

void sparse_conv2d(SparseView s, Window window, Shape w, View values, View x, View bias, View y) {
  on_real(x.dtype, [&]<class T>() { forward<T>(s, window, w, values.as<const T>(), x, bias.as<const T>(), y); });
}
void sparse_conv2d_input_gradient(SparseView s, Window window, Shape w, View values, View dy, View dx) {
  on_real(dy.dtype, [&]<class T>() { input_gradient<T>(s, window, w, values.as<const T>(), dy, dx); });
}
void sparse_conv2d_weight_gradient(SparseView s, Window window, Shape w, View x, View dy, View values) {
  on_real(x.dtype, [&]<class T>() {
    weight_gradient<T>(window, x, dy, w, values.as<T>(), values.shape.numel(), 0, SparseProducts<T>{s, w[0] / window.groups});
  });
}

}  // namespace bonsai::BONSAI_ISA
