// The sparse products as plain loops over the kept entries, summed in double precision.
#include "core/reference/sparse.h"

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

// The same where each group of four columns keeps two
void matmul_24(Sparse24View s, View values, View x, View bias, View y) {
  dispatch_floating("matmul_24", values.dtype, [&]<class T>() {
    const std::int64_t n = y.shape[1], groups = s.columns / 4;
    for (std::int64_t r = 0; r < s.rows; ++r)
      for (std::int64_t j = 0; j < n; ++j) {
        double total = bias.data ? static_cast<double>(bias.as<T>()[r]) : 0;
        for (std::int64_t g = 0; g < groups; ++g)
          for (int which : {0, 1}) {
            const std::int64_t column = 4 * g + position(s.positions + r * position_bytes(s.columns), g, which);
            total += static_cast<double>(values.as<T>()[2 * (r * groups + g) + which]) * static_cast<double>(x.as<T>()[column * n + j]);
          }
        y.as<T>()[r * n + j] = static_cast<T>(total);
      }
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
