// Every backend against `reference`, for every operation: value, first derivative (the fused kernels) and second derivative, at
// all shapes of the table. CMake runs this once more for each instruction set (BONSAI_ISA).
#include "core/backend.h"
#include "core/cpu/cpu.h"
#include "core/random.h"
#include "tests/core/check.h"
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

TEST(BackendsPixels, ArePickedAndScaled) {
  const Random random(5);
  for (const auto& [n, channels, plane, k] : std::vector<std::array<std::int64_t, 4>>{{1, 1, 1, 1}, {7, 1, 784, 60}, {9, 3, 1024, 128}, {5, 3, 17, 4}, {4, 1, 65, 0}, {3, 1, 20000, 5}}) {
    const Tensor bytes = cast(random.derive("bytes").uniform({n, channels, plane}, 0, 256), DType::u8), numbers = cast(random.derive("numbers").uniform({k}, 0, static_cast<double>(n)), DType::i64);
    for (const double shift : {0.0, -0.7}) {
      Tensor scale = empty({channels, 3}), got = empty({k, channels, plane}), want = empty({k, channels, plane});
      for (std::int64_t c = 0; c < channels; ++c) {
        scale.mutable_data<float>()[3 * c] = 0.00390625f * static_cast<float>(c + 1);
        scale.mutable_data<float>()[3 * c + 1] = 1.5e-5f;
        scale.mutable_data<float>()[3 * c + 2] = static_cast<float>(shift);
      }
      kernels(Device::cpu).pixels(view(bytes), view(numbers), view(scale), view_for_writing(got));
      reference_backend().pixels(view(bytes), view(numbers), view(scale), view_for_writing(want));
      if (shift == 0) {
        EXPECT_TRUE(same_bits(got, want)) << n << " " << channels << " " << plane;
      }
      EXPECT_TRUE(close(got, want, 1e-6, 1e-6));
    }
  }
}

TEST(BackendsCrop, IsTheReferencesBitForBit) {
  const Random random(6);
  for (const auto& [n, channels, height, width, k] : std::vector<std::array<std::int64_t, 5>>{{1, 1, 1, 1, 1}, {7, 3, 32, 32, 50}, {5, 1, 3, 20, 33}, {4, 2, 9, 5, 0}})
    for (const Cropping how : {Cropping{1, 0, true}, Cropping{2, 2, false}, Cropping{3, 4, true}}) {
      const Tensor pictures = cast(random.derive("pictures").uniform({n, channels, height, width}, 0, 256), DType::u8), numbers = cast(random.derive("numbers").uniform({k}, 0, static_cast<double>(n)), DType::i64);
      Tensor got = full({k, channels, height, width}, 77, DType::u8), want = full(got.shape(), 78, DType::u8);
      kernels(Device::cpu).crop(how, view(pictures), view(numbers), view_for_writing(got));
      reference_backend().crop(how, view(pictures), view(numbers), view_for_writing(want));
      EXPECT_TRUE(same_bits(got, want)) << height << " x " << width << ", " << how.padding;
    }
}

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
