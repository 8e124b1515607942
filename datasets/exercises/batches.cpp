// Which examples does iteration i see? A function, and no state.
// do it, 45 minutes. Chapter: datasets/README.md, "Splits and batches are functions".
//
// n examples, `batch` at a time, in whole batches. Return the numbers of the examples that iteration i sees,
// in their order:
//
//   epoch   e = i / (n / batch)                          (whole numbers)
//   order   = stream.derive(e).permutation(n)            (n), i64
//   batch i = order[(i mod (n / batch)) batch ...]       `batch` of them
//
// A run that is killed at iteration 20,000 goes on with this batch 20,000, and has nothing to remember.
#include "datasets/batches.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<std::int64_t> examples_of(std::int64_t i, std::int64_t n, std::int64_t batch, const Random& stream) {
  todo();
}

// ---- The cases: a data set in which example k is the number k, beside datasets::Batches

namespace {
std::vector<std::int64_t> from_batches(std::int64_t i, std::int64_t n, std::int64_t batch, const Random& stream) {
  datasets::Dataset numbers{"numbers", reshape(arange(n, DType::f32), {n, 1}), zeros({n}, DType::i64), {"any"}};
  datasets::Batches batches(numbers, batch, stream);
  const Batch b = batches(i);
  std::vector<std::int64_t> seen;
  for (float x : b.inputs.data<float>()) seen.push_back(static_cast<std::int64_t>(x));
  return seen;
}
void beside_batches(std::int64_t n, std::int64_t batch, std::initializer_list<std::int64_t> iterations) {
  const Random stream = seeded();
  for (std::int64_t i : iterations) check(examples_of(i, n, batch, stream), from_batches(i, n, batch, stream), fmt::format("iteration {}", i));
}
}  // namespace

CASE("the first two epochs of 12 examples, 4 at a time") { beside_batches(12, 4, {0, 1, 2, 3, 4, 5}); }
CASE("100 examples, 12 at a time: four are left out of each epoch") { beside_batches(100, 12, {7, 8, 15, 16}); }
CASE("far away: iteration 20,000, then 3") { beside_batches(600, 60, {20'000, 3}); }
