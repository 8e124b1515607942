// Four columns of SparseGPT.
// do it, an evening. Chapter: prune/layerwise/README.md, "SparseGPT: one inverse for all rows".
//
// w (rows, 4), and U (4, 4), the upper triangle with H⁻¹ = UᵀU. First the mask, over all rows together:
//
//   s_ij = w_ij² / U_jj²               the `remove` lowest go (ties: the lowest index first)
//
// Then the columns, from the left. Where w_ij is pruned, the weights of its row to the right make up for it,
// and it becomes 0:
//
//   e = w_ij / U_jj          w_ik ← w_ik - e U_jk   for k > j
//
// w_ij is by then what the columns before it have made of it. Weights that are pruned themselves are still
// moved until their turn comes. Return mask and weights.
//
// Why is U enough, where exact OBS needs a new inverse after each column? (The chapter has the answer; the
// exercise `stale_inverse` what happens without.)
#include "core/cholesky.h"
#include "prune/layerwise/sparsegpt.h"
#include "prune/scores/obs/inverse.h"
#include "prune/select.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;

EXERCISE Tensor sparsegpt_mask(const Tensor& w, const Tensor& u, std::int64_t remove) {  // u8 (rows, 4)
  todo();
}

EXERCISE Tensor settled(const Tensor& w, const Tensor& u, const Tensor& mask) {  // f64 (rows, 4)
  todo();
}

// ---- The cases

namespace {
struct FourColumns {
  Tensor w, h, u;
  FourColumns(Random r, std::int64_t rows) {
    w = r.normal({rows, 4}, 0, 1, DType::f64);
    const Tensor x = matmul(r.normal({50, 4}, 0, 1, DType::f64), r.normal({4, 4}, 0, 1, DType::f64));
    h = matmul(x, x, {.a = true}) * (2.0 / 50);
    u = transpose(cholesky(prune::damped_inverse(prune::damped(h, {0, 1, 2, 3}, 0.01)).inverse)->factor);
  }
  prune::Compensated library(double sparsity) const { return prune::sparsegpt("w", w, h, {.sparsity = sparsity}); }
};
}  // namespace

CASE("the blackboard, and an input of its own: one of four goes") {
  const double a = std::sqrt(5.0);
  const Tensor w = tensor({5.0, 3.0, 4.0, 6.0}, {1, 4});
  const Tensor u = tensor({a, 2 / a, 0.0, 0.0, 0.0, 1 / a, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}, {4, 4});
  const Tensor mask = tensor<std::uint8_t>({0, 1, 1, 1}, {1, 4});
  check(sparsegpt_mask(w, u, 1), mask, "the mask");
  check(settled(w, u, mask), tensor({0.0, 1.0, 4.0, 6.0}, {1, 4}), "the weights");
}

CASE("the masks of 3 and of 40 rows, beside the library's") {
  for (std::int64_t rows : {3, 40}) {
    const FourColumns p(seeded(), rows);
    check(sparsegpt_mask(p.w, p.u, rows * 2), p.library(0.5).mask);
  }
}

CASE("the weights") {
  for (std::int64_t rows : {3, 40}) {
    const FourColumns p(seeded(), rows);
    const prune::Compensated c = p.library(0.5);
    check(settled(p.w, p.u, c.mask), c.values);
  }
}
