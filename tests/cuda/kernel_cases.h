// What the kernels of a GPU are held to, one list for two programs: backend_test.cpp runs it in the emulator, tests/gpu/check_backend.cpp on a GPU. It needs no test framework,
// which a machine with a GPU may not have. Every element is compared, outputs begin as NaN, and comparisons are written so that NaN fails.
#pragma once
#include <memory>
#include <optional>

#include "tests/core/operations.h"

namespace bonsai::check {

// The kernels under test: a table that takes the host's tensors (the emulator), or, null, whatever serves the default device.
void test_kernels(const Backend* b);

// Sides of a comparison: as long as the object lives, tensors are made, and computed with, on one or the other.
class OnReference {
 public:
  OnReference();
  ~OnReference();

 private:
  Device before_;
  UseBackend use_;
};
class UnderTest {
 public:
  UnderTest();

 private:
  std::optional<UseBackend> use_;
};

struct KernelCase {
  std::string name;
  std::function<std::string()> run;  // what is wrong; "" if nothing is
};
std::vector<KernelCase> kernel_cases();

std::string tf32_products();  // f32 products and convolutions with TF32's roundoff, 2^-11

// A row of core's table of operations: values, first and second derivatives at all shapes against `reference`; and, twice, the same bits again. What is wrong, or "".
std::string row_agrees(const Row& row, DType real, bool twice);

}  // namespace bonsai::check
