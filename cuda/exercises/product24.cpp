// A kernel for a 2:4 product, run without a GPU.
// do it, 45 minutes. Chapter: cuda/README.md, "Reading order"; core/sparse24/FORMAT.md.
//
//   C (m, n) = A (m, k) Bᵀ,     B (n, k)
//
// A keeps two of every four columns: values (m, k / 2), and positions, position_bytes(k) bytes a row. One
// thread computes one element of C. The grid covers C in blocks of 16 x 16, x along the columns: some threads
// have nothing to do. For each group of four columns and each of its two values: which element of B's row
// does it meet?
//
//   position(row_of_positions, group, which) is 0 to 3; to_float() turns an F16 into a float
//
// How many of the dense kernel's multiply-adds are left, and how many of its loads?
#include <numeric>

#include "core/sparse24/positions.h"
#include "cuda/sparse24/sparse24.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;
using cuda::F16;

EXERCISE __global__ void product_of_24(const F16* values, const std::uint8_t* positions, const F16* b, float* c,
                                       int m, int n, int k) {
  // blockIdx.x, blockIdx.y, blockDim and threadIdx say which element is this thread's.
  todo();
}

// ---- The cases, in the emulator, beside the library's first rung. C begins as NaN.

namespace {
void beside_naive(int m, int n, int k) {
  Random r = seeded();
  auto halves = [&](std::int64_t count) {
    std::vector<F16> v(count);
    for (F16& x : v) cuda::from_float(static_cast<float>(r.normal()), x);
    return v;
  };
  const std::vector<F16> dense = halves(std::int64_t{m} * k), b = halves(std::int64_t{n} * k);
  std::vector<F16> values(dense.size() / 2);
  std::vector<std::uint8_t> positions(m * position_bytes(k));
  cuda::prune_and_pack_24(dense.data(), values.data(), positions.data(), m, k, nullptr);
  Tensor mine = full({m, n}, NAN), library = full({m, n}, NAN);
  cuda::sparse24_naive<F16>({m, k, values.data(), positions.data(), nullptr}, b.data(), library.mutable_data<float>().data(), n, nullptr);
  cuda::launch("product_of_24", product_of_24, dim3((n + 15) / 16, (m + 15) / 16), dim3(16, 16), 0, nullptr, values.data(), positions.data(), b.data(),
               mine.mutable_data<float>().data(), m, n, k);
  check(mine, library);
}
}  // namespace

CASE("16 x 16, k = 8: one block") { beside_naive(16, 16, 8); }
CASE("16 x 16, k = 12: the last byte of a row is half full") { beside_naive(16, 16, 12); }
CASE("33 x 19, k = 40: threads without work") { beside_naive(33, 19, 40); }
