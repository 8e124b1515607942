// The table of kernels, filled for a GPU.
#pragma once
#include "core/backend.h"

namespace bonsai::cuda {

const Backend& backend();

// Whether f32 products and convolutions may be computed from TF32, an f32 with 10 bits of fraction in place of 23, as tensor cores take it: several times the speed, errors of 2^-11
// in place of 2^-24. Off unless asked for; for all threads. Returns what held before. (Convolutions of up to 32 channels, and products without cuBLAS, go on in f32.)
bool allow_tf32(bool allow);
bool tf32_allowed();

}  // namespace bonsai::cuda
