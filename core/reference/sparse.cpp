// The sparse products as plain loops over the kept entries, summed in double precision.
#include "core/reference/sparse.h"

#include <vector>

#include "core/sparse24/positions.h"

namespace bonsai::reference {

// y_rj = Σ_k v_k x_cj over the entries k of row r, + b_r
void sparse_matmul(SparseView s, View values, View x, View bias, View y) {
  dispatch_floating("sparse_matmul", values.dtype, [&]<class T>() {
    const std::int64_t n = y.shape[1];
    for (std::int64_t r = 0; r < s.rows; ++r)
      for (std::int64_t j = 0; j < n; ++j) {
        double total = bias.data ? static_cast<double>(bias.as<T>()[r]) : 0;
        for (std::int64_t k = s.begin[r]; k < s.begin[r + 1]; ++k)
          total += static_cast<double>(values.as<T>()[s.value(k)]) * static_cast<double>(x.as<T>()[s.index[k] * n + j]);
        y.as<T>()[r * n + j] = static_cast<T>(total);
      }
  });
}

namespace {

// Of a 2:4 matrix, f(row, column, number of the value) for the kept entries in their order.
template <class F>
void each_entry(Sparse24View s, F f) {
  const std::int64_t groups = s.columns / 4;
  for (std::int64_t r = 0; r < s.rows; ++r)
    for (std::int64_t g = 0; g < groups; ++g)
      for (int which : {0, 1}) f(r, 4 * g + position(s.positions + r * position_bytes(s.columns), g, which), 2 * (r * groups + g) + which);
}

}  // namespace

// Of a 2:4 matrix: y_rj = Σ v x_cj over row r's entries, + b_r
void matmul_24(Sparse24View s, View values, View x, View bias, View y) {
  dispatch_floating("matmul_24", values.dtype, [&]<class T>() {
    const std::int64_t n = y.shape[1];
    for (std::int64_t j = 0; j < n; ++j) {
      std::vector<double> total(s.rows);
      for (std::int64_t r = 0; r < s.rows; ++r) total[r] = bias.data ? static_cast<double>(bias.as<T>()[r]) : 0;
      each_entry(s, [&](std::int64_t r, std::int64_t c, std::int64_t k) { total[r] += static_cast<double>(values.as<T>()[k]) * static_cast<double>(x.as<T>()[c * n + j]); });
      for (std::int64_t r = 0; r < s.rows; ++r) y.as<T>()[r * n + j] = static_cast<T>(total[r]);
    }
  });
}

// x_cj = Σ v y_rj over column c's entries
void matmul_24_transposed(Sparse24View s, View values, View y, View x) {
  dispatch_floating("matmul_24_transposed", values.dtype, [&]<class T>() {
    const std::int64_t n = y.shape[1];
    for (std::int64_t j = 0; j < n; ++j) {
      std::vector<double> total(s.columns);
      each_entry(s, [&](std::int64_t r, std::int64_t c, std::int64_t k) { total[c] += static_cast<double>(values.as<T>()[k]) * static_cast<double>(y.as<T>()[r * n + j]); });
      for (std::int64_t c = 0; c < s.columns; ++c) x.as<T>()[c * n + j] = static_cast<T>(total[c]);
    }
  });
}

// v_k = Σ_j y_rj x_cj for its entries
void sampled_matmul_24(Sparse24View s, View y, View x, View values) {
  dispatch_floating("sampled_matmul_24", values.dtype, [&]<class T>() {
    const std::int64_t n = y.shape[1];
    each_entry(s, [&](std::int64_t r, std::int64_t c, std::int64_t k) {
      double total = 0;
      for (std::int64_t j = 0; j < n; ++j) total += static_cast<double>(y.as<T>()[r * n + j]) * static_cast<double>(x.as<T>()[c * n + j]);
      values.as<T>()[k] = static_cast<T>(total);
    });
  });
}

// v_k = Σ_j y_rj x_cj
void sampled_matmul(SparseView s, View y, View x, View values) {
  dispatch_floating("sampled_matmul", values.dtype, [&]<class T>() {
    const std::int64_t n = y.shape[1];
    for (std::int64_t r = 0; r < s.rows; ++r)
      for (std::int64_t k = s.begin[r]; k < s.begin[r + 1]; ++k) {
        double total = 0;
        for (std::int64_t j = 0; j < n; ++j) total += static_cast<double>(y.as<T>()[r * n + j]) * static_cast<double>(x.as<T>()[s.index[k] * n + j]);
        values.as<T>()[s.value(k)] = static_cast<T>(total);
      }
  });
}

}  // namespace bonsai::reference
