// What gdb looks at (../gdb_test.cpp): compiled with debugging information, and stopped in `look`, from where main is one frame up.
#include <numeric>

#include "core/ops.h"
#include "core/tensor_body.h"  // (of the libraries, built for speed, gdb learns nothing)

using namespace bonsai;

[[gnu::noinline]] void look(const void* a) { asm volatile("" ::"r"(a) : "memory"); }

int main() {
  Tensor nothing, weights = tensor({0.5f, -1.25f, 3.0f, 4.0f, 1e-7f, 6.0f}, {2, 3});
  weights.requires_grad(true);
  std::vector<double> many(100);
  std::iota(many.begin(), many.end(), 1);
  Tensor first = tensor(std::span<const double>(many), {10, 10}).requires_grad(true);
  const Tensor doubled = mul(first, first), mask = tensor({std::uint8_t{1}, std::uint8_t{0}});
  const Tensor labels = tensor({std::int64_t{7}, std::int64_t{-9}, std::int64_t{1} << 40});
  const Shape shape{60, 784};
  const TensorBody* body = doubled.body();
  look(&body);
}
