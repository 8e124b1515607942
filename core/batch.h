// A batch of examples, and where batches come from. The training loop (nn) and the data (datasets) meet here, so that neither needs
// to know the other.
#pragma once
#include <functional>

#include "core/tensor.h"

namespace bonsai {

struct Batch {
  Tensor inputs;  // (batch, ...) f32
  Tensor labels;  // (batch) i64
};

// The batch for training iteration 0, 1, 2, ...; a pure function of the iteration, so that a run can be taken up anywhere.
using BatchSource = std::function<Batch(std::int64_t iteration)>;

}  // namespace bonsai
