// hint: log Σ exp(x - m) + m is the same for every m. With m the row's maximum every exp is at most 1, and one of them is 1.
// hint: max(x, {1}, true) keeps the axis, so that it can be subtracted from x. Whether m is differentiated or detached makes no difference: its parts cancel.
// reference: core/ops/softmax.cpp Tensor log_softmax(
#include "core/ops.h"

using namespace bonsai;

Tensor log_sum_exp(const Tensor& x) { return reshape(slice(x - log_softmax(x), 1, 0, 1), {x.size(0)}); }
