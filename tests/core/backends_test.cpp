// Every backend against `reference`, for every operation: value, first derivative (the fused kernels) and second derivative, at
// all shapes of the table. CMake runs this once more for each instruction set (BONSAI_ISA).
#include "core/backend.h"
#include "core/cpu/cpu.h"
#include "tests/core/operations.h"

namespace bonsai::check {
namespace {

class Backends : public ::testing::TestWithParam<std::tuple<Row, DType>> {};

TEST_P(Backends, AgreeWithReference) {
  const auto& [row, real] = GetParam();
  const double atol = row.tolerance * (real == DType::f32 ? 3e-6 : 1e-14), rtol = row.tolerance * (real == DType::f32 ? 1e-5 : 1e-13);
  for (const Shapes& shapes : row.shapes)
    for (bool second : {false, true}) {
      Tensors want;
      {
        UseBackend reference(reference_backend());
        want = evaluate(row, shapes, real, second);
      }
      const Tensors got = evaluate(row, shapes, real, second);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        // A derivative that sums over many elements may differ by as many roundings.
        const double longer = i == 0 ? 1 : 8;
        ASSERT_TRUE(close(got[i], want[i], longer * atol, longer * rtol)) << row.name << " of " << str(shapes[0]) << ", result " << i << ", second " << second;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Core, Backends, ::testing::Combine(::testing::ValuesIn(operations()), ::testing::Values(DType::f32, DType::f64)),
                         [](const auto& info) { return std::get<0>(info.param).name + "_" + name(std::get<1>(info.param)); });

// In the output, so that one sees which instruction set a run was about.
TEST(BackendsTable, EveryKernelIsThere) {
  RecordProperty("instruction_set", cpu_instruction_set());
  std::printf("instruction set: %s\n", cpu_instruction_set());
  Backend missing{};
  missing.set_name("half-made");
  UseBackend scope(missing);
  EXPECT_TRUE(refuses([] { ones({2}); }, {"half-made", "fill"}));
}

}  // namespace
}  // namespace bonsai::check
