// log Σ exp, of numbers whose exp does not fit into a double.
// do it, 45 minutes. Chapter: core/README.md, "An operation is one paragraph".
//
// x is (n, c), f64. Return (n):
//
//   y_i = log Σ_j exp(x_ij)
//
// made of operations of core/ops.h, so that it can be differentiated as often as anyone likes, and right for
// x = 1000, where exp is infinite. What may be subtracted from all x_ij of a row, if it is added again
// outside of the log?
//
// The first derivative should come out as softmax(x): why?
#include "core/derivatives.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor log_sum_exp(const Tensor& x) {
  todo();
}

// ---- The cases

namespace {
// The library has no such operation, but it has log_softmax(x) = x - log Σ exp(x): of any column.
Tensor reference_logsumexp(const Tensor& x) { return reshape(slice(x - log_softmax(x), 1, 0, 1), {x.size(0)}); }
}  // namespace

CASE("two zeros: log 2") { check(log_sum_exp(tensor({0.0, 0.0}, {1, 2})), tensor({std::log(2.0)})); }

CASE("a thousand and a thousand: 1000 + log 2, and minus a thousand") {
  check(log_sum_exp(tensor({1000.0, 1000.0, -1000.0, -1000.0}, {2, 2})), tensor({1000 + std::log(2.0), -1000 + std::log(2.0)}));
}

CASE("random rows") {
  const Tensor x = seeded().normal({7, 5}, 0, 10, DType::f64);
  check(log_sum_exp(x), reference_logsumexp(x));
}

CASE("its derivative is the softmax") {
  const Tensor x = seeded().normal({4, 6}, 0, 3, DType::f64).requires_grad(true);
  check(grad(sum(log_sum_exp(x)), {x})[0], softmax(x.detach()));
}

CASE("and its second derivative, along a direction") {
  Random r = seeded();
  const Tensor x = r.normal({4, 6}, 0, 1, DType::f64).requires_grad(true), v = r.normal({4, 6}, 0, 1, DType::f64);
  check(hvp(sum(log_sum_exp(x)), {x}, {v})[0], hvp(sum(reference_logsumexp(x)), {x}, {v})[0]);
}
