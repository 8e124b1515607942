// Sparse matrices: a pattern that says which entries there are, and a tensor of their values, which is all that autograd and the optimizers
// see. So the work, the gradients and the optimizer's state shrink with the network.
//
//   S = [[1, 0, 2],      pattern: row 0 has columns 0 and 2, row 1 has column 1      values: (1, 2, 3)
//        [0, 3, 0]]
//
// Activations are (features, batch) here, so that what a value is multiplied with, one feature of all examples, lies side by side.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/device_vector.h"

namespace bonsai {

// Which entries of a (rows, columns) matrix are kept, in row-major order: row r has entries begin[r] .. begin[r + 1] - 1, entry k lies in
// column column[k]. The same entries once more, column by column: column c has entries column_begin[c] ..; the k-th of these lies in row
// row[k] and is entry from[k] of the first order. Never changes once it is made, and is shared.
//
// A pattern that keeps two of every four columns is told by 2 bits an entry (sparse24/positions.h), which is all that its products read. What
// else a pattern has is made when somebody asks for it; by columns, when there is an input's gradient to compute.
class Pattern {
 public:
  using Numbers = DeviceVector<std::int32_t>;
  Pattern(std::int64_t rows, std::int64_t columns, Numbers begin, Numbers column);  // (make_pattern checks what it is given)
  const std::int64_t rows, columns;
  std::int64_t kept() const { return kept_; }
  double density() const { return rows * columns == 0 ? 1 : static_cast<double>(kept()) / static_cast<double>(rows * columns); }
  bool two_of_four() const { return !positions_.empty(); }
  const DeviceVector<std::uint8_t>& positions() const { return positions_; }  // empty unless it is 2:4
  const Numbers& begin() const { return by_rows().begin; }
  const Numbers& column() const { return by_rows().index; }
  const Numbers& column_begin() const { return by_columns().begin; }
  const Numbers& row() const { return by_columns().index; }
  const Numbers& from() const { return by_columns().from; }
  std::int64_t bytes() const;  // of what there is now

 private:
  struct Order {
    Numbers begin, index, from;
  };
  const Order& by_rows() const;
  const Order& by_columns() const;
  std::int64_t kept_;
  DeviceVector<std::uint8_t> positions_;
  mutable Order rows_, columns_;
  mutable std::once_flag rows_made_, columns_made_;
};
using PatternRef = std::shared_ptr<const Pattern>;

// The pattern of a mask, u8 (rows, columns).
PatternRef pattern_of(const Tensor& mask);
// From its parts; throws unless begin rises from 0 to column's length and the columns of each row rise within the matrix: no entry out of
// range, none twice. An empty row is legal and computes 0. `name` is whose it is, for messages.
PatternRef make_pattern(std::int64_t rows, std::int64_t columns, std::span<const std::int32_t> begin, std::span<const std::int32_t> column, const std::string& name);

SparseView by_rows(const Pattern& p);     // for kernels
SparseView by_columns(const Pattern& p);  // the transpose
Sparse24View by_positions(const Pattern& p);  // of a 2:4 pattern
Tensor mask_of(const Pattern& p);                        // u8 (rows, columns)
Tensor pack(const Tensor& dense, const Pattern& p);      // (rows, columns) -> (kept), outside the graph
Tensor unpack(const Tensor& values, const Pattern& p);   // (kept) -> (rows, columns), zeros elsewhere, outside the graph

// (n, features) -> (features, m): the examples as columns, m = n rounded up to whole cache lines (16 in f32, 8 in f64), so that every
// feature's row begins at one; a load that straddles two costs twice. The columns that are added hold 0, as their gradients do. A single
// example stays alone.
Tensor to_columns(const Tensor& x);
// (features, m) -> (n, features): back, without what was added.
Tensor to_rows(const Tensor& x, std::int64_t n);

// ---- Operations (core/ops/sparse.cpp), differentiable as often as wanted: their derivatives are one another.
// Y(rows, n) = S X + b         X (columns, n), values (kept), bias (rows) or undefined
Tensor sparse_matmul(const PatternRef& s, const Tensor& values, const Tensor& x, const Tensor& bias = {});
// X(columns, n) = Sᵀ Y         Y (rows, n)
Tensor sparse_matmul_transposed(const PatternRef& s, const Tensor& values, const Tensor& y);
// v_k = Σ_j Y_rj X_cj for each kept entry k = (r, c): the entries of Y Xᵀ that S has, and no other
Tensor sampled_matmul(const PatternRef& s, const Tensor& y, const Tensor& x);

// Convolutions with a weight (out, in / groups, kh, kw) of which a pattern of (out, in / groups kh kw) says what is kept; otherwise conv2d
// and its gradients.
Tensor sparse_conv2d(const PatternRef& s, const Tensor& values, const Shape& weight, const Tensor& x, const Tensor& bias = {}, const Window& w = {});
Tensor sparse_conv2d_input_gradient(const SparseConvolution& c, const Tensor& values, const Tensor& dy);
Tensor sparse_conv2d_weight_gradient(const SparseConvolution& c, const Tensor& x, const Tensor& dy);

}  // namespace bonsai
