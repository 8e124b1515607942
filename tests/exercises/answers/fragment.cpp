// hint: q is row mod 8; t is (column mod 8) / 2. The three bits of i are: column odd, row >= 8, column >= 8.
// reference: cuda/mma/fragments.h (frag.1)
#include <cstdint>
#include <vector>

#include "cuda/mma/fragments.h"

std::vector<std::int64_t> holder(std::int64_t row, std::int64_t column) {
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 8; ++i)
      if (const bonsai::cuda::Place p = bonsai::cuda::a_place(lane, i); p.row == row && p.column == column) return {lane, i};
  return {};
}
