#pragma once
#include "core/backend.h"

namespace bonsai::reference {

void sparse_matmul(SparseView s, View values, View x, View bias, View y);
void matmul_24(Sparse24View s, View values, View x, View bias, View y);
void matmul_24_transposed(Sparse24View s, View values, View y, View x);
void sampled_matmul_24(Sparse24View s, View y, View x, View values);
void sampled_matmul(SparseView s, View y, View x, View values);

}  // namespace bonsai::reference
