#include "core/sparse.h"

#include <limits>

#include "core/error.h"

namespace bonsai {
namespace {

// Fills in the order by columns: counting sort.
PatternRef finished(Pattern p) {
  const std::int64_t kept = p.kept();
  p.begin.shrink_to_fit();  // a vector that has grown holds up to twice what it needs
  p.column.shrink_to_fit();
  p.column_begin.assign(p.columns + 1, 0);
  for (std::int32_t c : p.column) ++p.column_begin[c + 1];
  for (std::int64_t c = 0; c < p.columns; ++c) p.column_begin[c + 1] += p.column_begin[c];
  p.row.resize(kept);
  p.from.resize(kept);
  std::vector<std::int32_t> next(p.column_begin.begin(), p.column_begin.end() - 1);
  for (std::int64_t r = 0; r < p.rows; ++r)
    for (std::int32_t k = p.begin[r]; k < p.begin[r + 1]; ++k) {
      const std::int32_t to = next[p.column[k]]++;
      p.row[to] = static_cast<std::int32_t>(r);
      p.from[to] = k;
    }
  return std::make_shared<const Pattern>(std::move(p));
}

constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();

}  // namespace

PatternRef pattern_of(const Tensor& mask) {
  require(mask.rank() == 2 && mask.dtype() == DType::u8, "pattern: needs a mask (rows, columns) in u8, got {} {}", name(mask.dtype()), mask.shape());
  require(mask.numel() <= most, "pattern: {} has more entries than 32 bits can count", mask.shape());
  Pattern p(mask.size(0), mask.size(1));
  const auto m = mask.data<std::uint8_t>();
  for (std::int64_t r = 0; r < p.rows; ++r) {
    for (std::int64_t c = 0; c < p.columns; ++c)
      if (m[r * p.columns + c]) p.column.push_back(static_cast<std::int32_t>(c));
    p.begin.push_back(static_cast<std::int32_t>(p.column.size()));
  }
  return finished(std::move(p));
}

PatternRef make_pattern(std::int64_t rows, std::int64_t columns, std::vector<std::int32_t> begin, std::vector<std::int32_t> column, const std::string& name) {
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
  Pattern p(rows, columns);
  p.begin = std::move(begin);
  p.column = std::move(column);
  return finished(std::move(p));
}

SparseView by_rows(const Pattern& p) { return {p.rows, p.columns, p.begin.data(), p.column.data(), nullptr}; }
SparseView by_columns(const Pattern& p) { return {p.columns, p.rows, p.column_begin.data(), p.row.data(), p.from.data()}; }

Tensor mask_of(const Pattern& p) {
  Tensor mask = zeros({p.rows, p.columns}, DType::u8);
  auto m = mask.mutable_data<std::uint8_t>();
  for (std::int64_t r = 0; r < p.rows; ++r)
    for (std::int32_t k = p.begin[r]; k < p.begin[r + 1]; ++k) m[r * p.columns + p.column[k]] = 1;
  return mask;
}

Tensor pack(const Tensor& dense, const Pattern& p) {
  require(dense.numel() == p.rows * p.columns && is_floating(dense.dtype()), "pack: {} {} does not fit a pattern of {} x {}", name(dense.dtype()), dense.shape(),
          p.rows, p.columns);
  Tensor values = empty({p.kept()}, dense.dtype());
  dispatch_floating("pack", dense.dtype(), [&]<class T>() {
    const T* from = dense.data<T>().data();
    T* to = values.mutable_data<T>().data();
    for (std::int64_t r = 0; r < p.rows; ++r)
      for (std::int32_t k = p.begin[r]; k < p.begin[r + 1]; ++k) to[k] = from[r * p.columns + p.column[k]];
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
    for (std::int64_t r = 0; r < p.rows; ++r)
      for (std::int32_t k = p.begin[r]; k < p.begin[r + 1]; ++k) to[r * p.columns + p.column[k]] = from[k];
  });
  return dense;
}

}  // namespace bonsai
