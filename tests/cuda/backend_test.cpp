// The backend for a GPU in the emulator against `reference`: every operation of core's table, its first and second derivatives, at all shapes; and what the table has
// no row for.
#include "cuda/backend/backend.h"

#include "core/backend.h"
#include "core/random.h"
#include "tests/core/operations.h"
#include "tests/cuda/support.h"

namespace bonsai::check {
namespace {

class CudaBackend : public ::testing::TestWithParam<std::tuple<Row, DType>> {};

TEST_P(CudaBackend, AgreesWithReference) {
  NEEDS_EMULATOR();
  const auto& [row, real] = GetParam();
  const double atol = row.tolerance * (real == DType::f32 ? 3e-6 : 1e-14), rtol = row.tolerance * (real == DType::f32 ? 1e-5 : 1e-13);
  for (const Shapes& shapes : row.shapes)
    for (bool second : {false, true}) {
      Tensors want, got;
      {
        UseBackend reference(reference_backend());
        want = evaluate(row, shapes, real, second);
      }
      {
        UseBackend emulated(cuda::backend());
        got = evaluate(row, shapes, real, second);
      }
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double longer = i == 0 ? 1 : 8;
        ASSERT_TRUE(close(got[i], want[i], longer * atol, longer * rtol)) << row.name << " of " << str(shapes[0]) << ", result " << i << ", second " << second;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, CudaBackend, ::testing::Combine(::testing::ValuesIn(operations()), ::testing::Values(DType::f32, DType::f64)),
                         [](const auto& info) { return std::get<0>(info.param).name + "_" + name(std::get<1>(info.param)); });

}  // namespace
}  // namespace bonsai::check
