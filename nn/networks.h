// The papers' networks. Made with zeros; initialise them (nn/init.h).
#pragma once
#include <memory>

#include "nn/layers.h"

namespace bonsai::nn {

// LeNet-300-100 (LeCun et al., 1998): 784-300-100-10 with ReLU. 266,610 parameters, of which 266,200 weights.
// Layers fc1, fc2, fc3; takes (n, 784) or images (n, 1, 28, 28).
std::unique_ptr<Sequential> lenet_300_100();

}  // namespace bonsai::nn
