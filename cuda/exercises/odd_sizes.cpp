// Right for multiples of the tile.
// break it, 10 minutes. Chapter: cuda/README.md, "The emulator".
//
// in_tiles() computes C (m, n) = A (m, k) Bᵀ in tiles of 16, and leaves out what is over at the end, as
// kernels do that were tried at 512 x 512 x 512 only. Give sizes {m, n, k} from 1 to 60
//
//   left_unwritten()    for which entries of C are never written: they were NaN before, and still are
//   silently_wrong()    for which all entries are numbers, and wrong
//
// Which of the two would a test see that begins with zeros and compares with a tolerance of 10%? Why does the
// house test 33 x 79 x 19?
#include "cuda/gemm/gemm.h"
#include "tests/exercises/exercise.h"

using namespace bonsai;
using namespace bonsai::exercise;
using cuda::F16;

EXERCISE std::vector<int> left_unwritten() {
  return {32, 32, 32};
}
EXERCISE std::vector<int> silently_wrong() {
  return {48, 16, 32};
}

// ---- The wrong one, and the cases

namespace {
void in_tiles(const F16* a, const F16* b, float* c, int m, int n, int k) {
  constexpr int tile = 16;
  for (int row = 0; row < m / tile * tile; ++row)
    for (int column = 0; column < n / tile * tile; ++column) {
      float sum = 0;
      for (int i = 0; i < k / tile * tile; ++i) sum += cuda::to_float(a[row * k + i]) * cuda::to_float(b[column * k + i]);
      c[row * n + column] = sum;
    }
}
struct TwoProducts {
  int unwritten = 0, wrong = 0;  // entries that are NaN; entries that are numbers and not right
  explicit TwoProducts(const std::vector<int>& sizes) {
    must(sizes.size() == 3, "{} sizes; m, n and k are wanted", sizes.size());
    for (int s : sizes) must(s >= 1 && s <= 60, "a size of {}; 1 to 60 are wanted", s);
    const int m = sizes[0], n = sizes[1], k = sizes[2];
    Random r = seeded();
    std::vector<F16> a(m * k), b(n * k);
    for (auto* v : {&a, &b})
      for (F16& x : *v) cuda::from_float(static_cast<float>(1 + r.uniform()), x);
    std::vector<float> tiled(m * n, NAN), truth(m * n, NAN);
    in_tiles(a.data(), b.data(), tiled.data(), m, n, k);
    cuda::gemm_naive(a.data(), b.data(), truth.data(), m, n, k, nullptr);
    for (int i = 0; i < m * n; ++i) (std::isnan(tiled[i]) ? unwritten : wrong) += std::isnan(tiled[i]) || std::abs(tiled[i] - truth[i]) > 1e-3;
  }
};
}  // namespace

CASE("entries that are never written") {
  const TwoProducts p(left_unwritten());
  must(p.unwritten > 0, "every entry is written");
  note(fmt::format("{} entries are never written", p.unwritten));
}
CASE("numbers, and wrong") {
  const TwoProducts p(silently_wrong());
  must(p.unwritten == 0, "{} entries are never written", p.unwritten);
  must(p.wrong > 0, "all entries are right");
  note(fmt::format("{} entries are wrong", p.wrong));
}
