// Which lane of the warp holds this element of A?
// do it, 10 minutes. Chapter: cuda/sparse24/README.md, "One instruction".
//
// A tensor core's A is 16 x 16, and each of the 32 lanes holds 8 of its elements. With lane = 4 q + t (q = 0
// .. 7, t = 0 .. 3), a lane's element i (0 .. 7) lies at
//
//   row q + 8 (i/2 mod 2),     column 2 t + i mod 2 + 8 (i/4)            (whole-number divisions)
//
// Return {lane, i} for a row and a column.
//
// Why do elements 2r and 2r + 1 lie side by side in a row? (A register has 32 bits, an f16 16.)
#include "cuda/mma/fragments.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE std::vector<std::int64_t> holder(std::int64_t row, std::int64_t column) {
  todo();
}

// ---- The cases, beside cuda::a_place

namespace {
void where(int lane, int i) {
  const cuda::Place p = cuda::a_place(lane, i);
  check(holder(p.row, p.column), std::vector<std::int64_t>{lane, i}, fmt::format("the element at ({}, {})", p.row, p.column));
}
}  // namespace

CASE("the first element of lane 0, at (0, 0)") { where(0, 0); }
CASE("lane 5's eight elements") {
  for (int i = 0; i < 8; ++i) where(5, i);
}
CASE("all 256") {
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 8; ++i) where(lane, i);
}
