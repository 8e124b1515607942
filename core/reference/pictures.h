#pragma once
#include "core/backend.h"

namespace bonsai::reference {

void add_picture_kernels(Backend& b);        // convolution and pooling
void add_normalization_kernels(Backend& b);

}  // namespace bonsai::reference
