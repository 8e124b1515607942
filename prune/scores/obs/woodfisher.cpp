#include "prune/scores/obs/woodfisher.h"

#include <algorithm>

#include "core/ops.h"
#include "core/parallel.h"
#include "prune/scores/obs/obs.h"
#include "prune/scores/obs/outer_products.h"

namespace bonsai::prune {
namespace {

void check(const Tensor& w, const BlockInverse& f) {
  require(w.shape() == Shape{f.n} && w.dtype() == DType::f64, "woodfisher: weights {} {} do not fit the inverse of {}", name(w.dtype()), w.shape(), f.n);
}

// f(b, begin, end) for each block.
template <class F>
void each_block(const BlockInverse& inverse, F f) {
  parallel_for(static_cast<std::int64_t>(inverse.inverse.size()),
               [&](std::int64_t b) { f(b, b * inverse.block, std::min(inverse.n, (b + 1) * inverse.block)); });
}

}  // namespace

BlockInverse fisher_inverse(std::int64_t n, std::int64_t examples, const std::function<Tensor(std::int64_t k)>& gradient, std::int64_t block, double alpha) {
  require(n > 0 && examples > 0 && block > 0, "woodfisher: {} weights, {} examples, blocks of {}; all must be at least 1", n, examples, block);
  require(alpha > 0, "woodfisher: alpha must be above 0, got {}", alpha);
  require_memory("woodfisher", 8.0 * static_cast<double>(n) * static_cast<double>(block), "take smaller blocks");
  BlockInverse f{n, block, {}};
  for (std::int64_t begin = 0; begin < n; begin += block) f.inverse.push_back(eye(std::min(block, n - begin)) * (1 / alpha));
  constexpr std::int64_t together = 32;
  for (std::int64_t first = 0; first < examples; first += together) {
    Tensors rows;
    for (std::int64_t k = first; k < std::min(examples, first + together); ++k) {
      const Tensor g = gradient(k);
      require(g.shape() == Shape{n} && g.dtype() == DType::f64, "woodfisher: the gradient of example {} is {} {}, not ({}) in f64", k, name(g.dtype()),
              g.shape(), n);
      rows.push_back(reshape(g, {1, n}));
    }
    const Tensor x = concat(rows, 0);
    each_block(f, [&](std::int64_t b, std::int64_t begin, std::int64_t end) { add_outer_products(f.inverse[b], slice(x, 1, begin, end), examples); });
  }
  return f;
}

Tensor woodfisher_scores(const Tensor& w, const BlockInverse& f) {
  check(w, f);
  Tensor scores = empty({f.n}, DType::f64);
  double* s = scores.mutable_data<double>().data();
  each_block(f, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    const Tensor part = obs_scores(slice(w, 0, begin, end), f.inverse[b]);  // (wf.1)
    std::copy_n(part.data<double>().data(), end - begin, s + begin);
  });
  return scores;
}

Tensor woodfisher_change(const Tensor& w, const BlockInverse& f, const Tensor& mask) {
  check(w, f);
  require(mask.shape() == w.shape() && mask.dtype() == DType::u8, "woodfisher: mask {} {} does not fit the weights {}", name(mask.dtype()), mask.shape(), w.shape());
  Tensor change = empty({f.n}, DType::f64);
  double* d = change.mutable_data<double>().data();
  each_block(f, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> deleted;
    for (std::int64_t i = begin; i < end; ++i)
      if (!mask.data<std::uint8_t>()[i]) deleted.push_back(i - begin);
    const Tensor part = obs_joint(slice(w, 0, begin, end), f.inverse[b], deleted).change;
    std::copy_n(part.data<double>().data(), end - begin, d + begin);
  });
  return change;
}

}  // namespace bonsai::prune
