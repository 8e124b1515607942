// hint: n / batch is a whole number of iterations an epoch. In C++, / and % of whole numbers are all that it takes.
// hint: Random::derive takes an std::uint64_t as well as a name; permutation is no const function, so copy what derive returns.
// reference: datasets/batches.cpp Batch Batches::operator()(
#include "core/ops.h"
#include "datasets/batches.h"

using namespace bonsai;

std::vector<std::int64_t> examples_of(std::int64_t i, std::int64_t n, std::int64_t batch, const Random& stream) {
  datasets::Dataset numbers{"numbers", reshape(arange(n, DType::f32), {n, 1}), zeros({n}, DType::i64), {"any"}};
  datasets::Batches batches(numbers, batch, stream);
  std::vector<std::int64_t> seen;
  const Batch b = batches(i);
  for (std::int64_t k = 0; k < b.inputs.numel(); ++k) seen.push_back(static_cast<std::int64_t>(b.inputs.at(k)));
  return seen;
}
