// The table of kernels, filled for a GPU.
#pragma once
#include "core/backend.h"

namespace bonsai::cuda {

const Backend& backend();

}  // namespace bonsai::cuda
