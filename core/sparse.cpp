#include "core/sparse.h"

#include <limits>

#include "core/error.h"
#include "core/sparse24/positions.h"

namespace bonsai {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();

// f(k, place): the kept entries in their order, and where each lies in the dense matrix.
template <class F>
void each_entry(const Pattern& p, F f) {
  std::int64_t k = 0;
  for (std::int64_t r = 0; r < p.rows; ++r)
    if (p.two_of_four()) {
      const std::uint8_t* positions = p.positions().data() + r * position_bytes(p.columns);
      for (std::int64_t g = 0; g < p.columns / 4; ++g)
        for (int which : {0, 1}) f(k++, r * p.columns + 4 * g + position(positions, g, which));
    } else {
      for (const std::int32_t end = p.begin()[r + 1]; k < end; ++k) f(k, r * p.columns + p.column()[k]);
    }
}

}  // namespace

Pattern::Pattern(std::int64_t r, std::int64_t c, Numbers begin, Numbers column)
    : rows(r), columns(c), kept_(static_cast<std::int64_t>(column.size())) {
  const std::vector<std::uint8_t> positions = positions_24(r, c, begin, column);
  positions_.assign(positions.begin(), positions.end());
  if (two_of_four()) return;
  begin.shrink_to_fit();  // a vector that has grown holds up to twice what it needs
  column.shrink_to_fit();
  std::call_once(rows_made_, [&] { rows_ = {std::move(begin), std::move(column), {}}; });
}

const Pattern::Order& Pattern::by_rows() const {
  std::call_once(rows_made_, [&] {
    for (std::int64_t r = 0; r <= rows; ++r) rows_.begin.push_back(static_cast<std::int32_t>(r * columns / 2));
    const std::vector<std::int32_t> index = columns_of_24(rows, columns, positions_);
    rows_.index.assign(index.begin(), index.end());
  });
  return rows_;
}

// Counting sort.
const Pattern::Order& Pattern::by_columns() const {
  std::call_once(columns_made_, [&] {
    const Numbers &begin = this->begin(), &column = this->column();
    Order o;
    o.begin.assign(columns + 1, 0);
    for (std::int32_t c : column) ++o.begin[c + 1];
    for (std::int64_t c = 0; c < columns; ++c) o.begin[c + 1] += o.begin[c];
    o.index.resize(kept_);
    o.from.resize(kept_);
    Numbers next(o.begin.begin(), o.begin.end() - 1);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int32_t k = begin[r]; k < begin[r + 1]; ++k) {
        const std::int32_t to = next[column[k]]++;
        o.index[to] = static_cast<std::int32_t>(r);
        o.from[to] = k;
      }
    columns_ = std::move(o);
  });
  return columns_;
}

std::int64_t Pattern::bytes() const {
  std::size_t numbers = 0;
  for (const Order* o : {&rows_, &columns_}) numbers += o->begin.size() + o->index.size() + o->from.size();
  return static_cast<std::int64_t>(positions_.size() + numbers * sizeof(std::int32_t));
}

PatternRef pattern_of(const Tensor& mask) {
  require(mask.rank() == 2 && mask.dtype() == DType::u8, "pattern: needs a mask (rows, columns) in u8, got {} {}", name(mask.dtype()), mask.shape());
  require(mask.numel() <= most, "pattern: {} has more entries than 32 bits can count", mask.shape());
  const std::int64_t rows = mask.size(0), columns = mask.size(1);
  Pattern::Numbers begin{0}, column;
  const auto m = mask.data<std::uint8_t>();
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c)
      if (m[r * columns + c]) column.push_back(static_cast<std::int32_t>(c));
    begin.push_back(static_cast<std::int32_t>(column.size()));
  }
  return std::make_shared<const Pattern>(rows, columns, std::move(begin), std::move(column));
}

PatternRef make_pattern(std::int64_t rows, std::int64_t columns, std::span<const std::int32_t> begin, std::span<const std::int32_t> column, const std::string& name) {
  require(rows >= 0 && columns >= 0 && rows <= most && columns <= most, "pattern \"{}\": cannot be {} x {}", name, rows, columns);
  const auto kept = static_cast<std::int64_t>(column.size());
  require(static_cast<std::int64_t>(begin.size()) == rows + 1 && kept <= most && begin[0] == 0 && begin[rows] == kept,
          "pattern \"{}\": {} row ends from {} to {} do not fit {} rows and {} entries", name, begin.size(), begin.empty() ? 0 : begin.front(),
          begin.empty() ? 0 : begin.back(), rows, kept);
  for (std::int64_t r = 0; r < rows; ++r) {
    require(begin[r] <= begin[r + 1] && begin[r + 1] <= kept, "pattern \"{}\": row {} ends before it begins", name, r);
    for (std::int32_t k = begin[r]; k < begin[r + 1]; ++k) {
      require(column[k] >= 0 && column[k] < columns, "pattern \"{}\": entry {} of row {} lies in column {} of {}", name, k - begin[r], r, column[k], columns);
      require(k == begin[r] || column[k - 1] < column[k], "pattern \"{}\": row {} has column {} twice or out of order", name, r, column[k]);
    }
  }
  return std::make_shared<const Pattern>(rows, columns, Pattern::Numbers(begin.begin(), begin.end()), Pattern::Numbers(column.begin(), column.end()));
}

SparseView by_rows(const Pattern& p) { return {p.rows, p.columns, p.begin().data(), p.column().data(), nullptr}; }
SparseView by_columns(const Pattern& p) { return {p.columns, p.rows, p.column_begin().data(), p.row().data(), p.from().data()}; }
Sparse24View by_positions(const Pattern& p) { return {p.rows, p.columns, p.positions().data()}; }

Tensor mask_of(const Pattern& p) {
  Tensor mask = zeros({p.rows, p.columns}, DType::u8);
  auto m = mask.mutable_data<std::uint8_t>();
  each_entry(p, [&](std::int64_t, std::int64_t place) { m[place] = 1; });
  return mask;
}

Tensor pack(const Tensor& dense, const Pattern& p) {
  require(dense.numel() == p.rows * p.columns && is_floating(dense.dtype()), "pack: {} {} does not fit a pattern of {} x {}", name(dense.dtype()), dense.shape(),
          p.rows, p.columns);
  Tensor values = empty({p.kept()}, dense.dtype());
  dispatch_floating("pack", dense.dtype(), [&]<class T>() {
    const T* from = dense.data<T>().data();
    T* to = values.mutable_data<T>().data();
    each_entry(p, [&](std::int64_t k, std::int64_t place) { to[k] = from[place]; });
  });
  return values;
}

Tensor unpack(const Tensor& values, const Pattern& p) {
  require(values.shape() == Shape{p.kept()} && is_floating(values.dtype()), "unpack: {} {} values for a pattern of {} entries", name(values.dtype()),
          values.shape(), p.kept());
  Tensor dense = zeros({p.rows, p.columns}, values.dtype());
  dispatch_floating("unpack", values.dtype(), [&]<class T>() {
    const T* from = values.data<T>().data();
    T* to = dense.mutable_data<T>().data();
    each_entry(p, [&](std::int64_t k, std::int64_t place) { to[place] = from[k]; });
  });
  return dense;
}

}  // namespace bonsai
