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

constexpr std::int64_t all_terms = std::int64_t{1} << 62;  // at once: a list is not cut into blocks

template <class T>
void value(SparseView s, const Window& window, const Shape& w, View values, View x, View bias, View y) {
  const std::int64_t outputs = w[0] / window.groups;
  correlate_input<T, sparse_vectors>(window, w, x, bias, y, all_terms, [&](std::int64_t group) {
    return SparseRows<T>{outputs, s.begin + group * outputs, s.index, s.from, values.as<const T>()};
  });
}

template <class T>
void input_gradient(SparseView by_column, const Window& window, const Shape& w, View values, View dy, View dx) {
  const std::int64_t kh = w[2], kw = w[3], inputs = w[1], outputs = w[0] / window.groups, lists = window.groups * inputs, kept = by_column.begin[by_column.rows];
  if (dx.shape.numel() == 0) return;
  // Part after part the kept terms, input channel by input channel.
  Scratch<std::int32_t> begin(residues(dx.shape[2], window) * residues(dx.shape[3], window) * (lists + 1));
  Scratch<std::int32_t> term(std::max<std::int64_t>(1, kept)), from(std::max<std::int64_t>(1, kept));
  std::int32_t found = 0;
  GradientParts parts(window, w, dy.shape, dx.shape, [&](std::int64_t part, const Reaching* rows, std::int64_t h, const Reaching* columns, std::int64_t v) {
    for (std::int64_t list = 0; list < lists; ++list) {
      begin[part * (lists + 1) + list] = found;
      const std::int64_t group = list / inputs, c = list % inputs;
      for (std::int64_t i = 0; i < h; ++i)
        for (std::int64_t j = 0; j < v; ++j) {
          const std::int64_t column = (c * kh + rows[i].entry) * kw + columns[j].entry;
          for (std::int32_t k = by_column.begin[column]; k < by_column.begin[column + 1]; ++k) {
            const std::int64_t o = by_column.index[k] - group * outputs;
            if (o < 0 || o >= outputs) continue;
            term[found] = static_cast<std::int32_t>((o * h + i) * v + j);
            from[found++] = static_cast<std::int32_t>(by_column.value(k));
          }
        }
    }
    begin[part * (lists + 1) + lists] = found;
  });
  correlate_gradient<T, sparse_vectors>(window, w, parts, dy, dx, all_terms, [&](std::int64_t part, std::int64_t group) {
    return SparseRows<T>{inputs, begin.data() + part * (lists + 1) + group * inputs, term.data(), from.data(), values.as<const T>()};
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
  on_real(x.dtype, [&]<class T>() { value<T>(s, window, w, values, x, bias, y); });
}
void sparse_conv2d_input_gradient(SparseView s, Window window, Shape w, View values, View dy, View dx) {
  on_real(dy.dtype, [&]<class T>() { input_gradient<T>(s, window, w, values, dy, dx); });
}
void sparse_conv2d_weight_gradient(SparseView s, Window window, Shape w, View x, View dy, View values) {
  on_real(x.dtype, [&]<class T>() {
    weight_gradient<T>(window, x, dy, w, values.as<T>(), values.shape.numel(), 0, SparseProducts<T>{s, w[0] / window.groups});
  });
}

}  // namespace bonsai::BONSAI_ISA
