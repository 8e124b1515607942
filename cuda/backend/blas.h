// cuBLAS, where the toolkit has it (CMake defines BONSAI_CUBLAS).
#pragma once
#include "core/backend.h"

namespace bonsai::cuda {

// c = a b + bias, if cuBLAS is here, this is one product and no batch, and a row or a column of each matrix lies side by side; else nothing is done, and the answer is false. bias by columns, or null. On current_stream(), with a workspace of the calling thread's own.
bool blas_product(const View& a, const View& b, const View& c, const View& bias);
bool use_blas(bool use);  // false: from here on it answers false. Returns what held before

}  // namespace bonsai::cuda
