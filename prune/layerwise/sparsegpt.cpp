#include "prune/layerwise/sparsegpt.h"

#include <algorithm>

#include "core/backend.h"
#include "core/cholesky.h"
#include "core/ops.h"
#include "core/parallel.h"
#include "prune/select.h"

namespace bonsai::prune {
namespace {

constexpr std::int64_t rows_at_once = 32;

// U of H⁻¹ = UᵀU. With P the reversal of order, P H P = L Lᵀ; then H⁻¹ = (P L⁻¹ P)ᵀ (P L⁻¹ P), and a lower triangle turned round is an upper one.
Tensor upper_factor(const std::string& name, const Tensor& h, std::vector<std::int64_t> order, double damping) {
  std::ranges::reverse(order);
  auto c = cholesky(damped(h, order, damping));
  require(c.has_value(), "sparsegpt: the second moments of the inputs of \"{}\" have no inverse at damping {}; damp more (0.01 is usual), or calibrate with more data",
          name, damping);
  auto u = c->inverse.mutable_data<double>();
  std::ranges::reverse(u);  // (sparsegpt.3)
  return c->inverse;
}

// Columns c0 .. c1 of rows r0 .. r1 of a matrix, as they lie.
View part(const Tensor& x, std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1) {
  return {view(x).as<double>() + r0 * x.size(1) + c0, DType::f64, {r1 - r0, c1 - c0}, {x.size(1), 1}};
}

// The mask of one block's scores (rows, columns), of which `kept` were left, after `remove` more have gone.
Tensor choose(const std::string& name, const Tensor& scores, const Tensor& kept, std::int64_t remove, const LayerAmount& a, bool as_published) {
  if (!as_published) return remove_lowest({{name, scores, kept}}, remove)[0];
  std::vector<double> s = scores.to_vector<double>();
  const auto k = std::min(static_cast<std::int64_t>(static_cast<double>(s.size()) * a.sparsity), static_cast<std::int64_t>(s.size()) - 1);
  std::ranges::nth_element(s, s.begin() + k);
  Tensor mask = clone(kept);
  for (std::int64_t i = 0; i < scores.numel(); ++i)
    if (scores.data<double>()[i] <= s[k]) mask.mutable_data<std::uint8_t>()[i] = 0;
  return mask;
}

}  // namespace

Compensated sparsegpt(const std::string& name, const Tensor& w, const Tensor& h, const LayerAmount& a, const SparseGptOptions& o) {
  NoGrad off;
  count(a.sparsity, 1, "sparsegpt");
  require(o.block > 0, "sparsegpt: blocks of {} columns", o.block);
  const LayerProblem p = layer_problem("sparsegpt", name, w, h, a, o.mask);
  const std::int64_t rows = p.w.size(0), n = p.w.size(1), m = a.pattern ? a.pattern->m : 1, block = std::max(m, o.block / m * m);
  const Tensor u = upper_factor(name, h, p.order, o.damping);
  Tensor errors = empty({rows, n}, DType::f64), values = p.w, mask = p.kept;  // p's own from here on: each column is read before it is written
  double* weights = values.mutable_data<double>().data();
  double* e = errors.mutable_data<double>().data();
  std::uint8_t* kept_ever = mask.mutable_data<std::uint8_t>().data();
  const double* upper = u.data<double>().data();
  std::int64_t pruned = 0;

  for (std::int64_t begin = 0; begin < n; begin += block) {
    const std::int64_t size = std::min(block, n - begin), end = begin + size;
    Tensor moved = zeros({rows, size}, DType::f64);  // what all columns to the left push onto this block, in one product
    if (begin > 0) matmul_on_host(part(errors, 0, rows, 0, begin), part(u, 0, begin, begin, end), moved);

    Tensor now = empty({rows, size}, DType::f64), scores = empty({rows, size}, DType::f64), kept = slice(mask, 1, begin, end);
    double *v = now.mutable_data<double>().data(), *s = scores.mutable_data<double>().data();
    const double* push = moved.data<double>().data();
    parallel_for(rows, [&](std::int64_t i) {
      for (std::int64_t j = 0; j < size; ++j) {
        const double diagonal = upper[(begin + j) * n + begin + j];
        v[i * size + j] = weights[i * n + begin + j] - push[i * size + j];
        s[i * size + j] = v[i * size + j] / diagonal * (v[i * size + j] / diagonal);  // (sparsegpt.4)
      }
    });
    if (!a.pattern) {
      const auto left = kept.data<std::uint8_t>();
      const std::int64_t there = std::count_if(left.begin(), left.end(), [](std::uint8_t k) { return k != 0; }), gone = rows * size - there;
      const std::int64_t remove = std::clamp<std::int64_t>(count(a.sparsity, rows * end) - pruned - gone, 0, there);
      kept = choose(name, scores, kept, remove, a, o.as_published);
      pruned += gone + remove;
    }

    std::uint8_t* keep = kept.mutable_data<std::uint8_t>().data();
    parallel_for((rows + rows_at_once - 1) / rows_at_once, [&](std::int64_t tile) {
      const std::int64_t r0 = tile * rows_at_once, r1 = std::min(rows, r0 + rows_at_once);
      for (std::int64_t j = 0; j < size; ++j) {
        const double* row = upper + (begin + j) * n + begin;
        if (a.pattern && j % m == 0) {  // this group's weights are up to date now
          Tensor group = empty({r1 - r0, m}, DType::f64), given = empty({r1 - r0, m}, DType::u8);
          for (std::int64_t i = r0; i < r1; ++i)
            for (std::int64_t g = 0; g < m; ++g) {
              const double x = v[i * size + j + g] / upper[(begin + j + g) * n + begin + j + g];
              group.mutable_data<double>()[(i - r0) * m + g] = x * x;
              given.mutable_data<std::uint8_t>()[(i - r0) * m + g] = keep[i * size + j + g];
            }
          const Tensor chosen = nm_mask(name, group, *a.pattern, given);
          for (std::int64_t i = r0; i < r1; ++i)
            for (std::int64_t g = 0; g < m; ++g) keep[i * size + j + g] = chosen.data<std::uint8_t>()[(i - r0) * m + g];
        }
        for (std::int64_t i = r0; i < r1; ++i) {
          double* x = v + i * size;
          const double error = keep[i * size + j] ? 0 : x[j] / row[j];  // (w - q) / U_jj
          e[i * n + begin + j] = error;
          if (error == 0) continue;
          for (std::int64_t k = j + 1; k < size; ++k) x[k] -= error * row[k];  // (sparsegpt.5)
          x[j] = 0;
        }
      }
      for (std::int64_t i = r0; i < r1; ++i)
        for (std::int64_t j = 0; j < size; ++j) {
          weights[i * n + begin + j] = keep[i * size + j] ? v[i * size + j] : 0;
          kept_ever[i * n + begin + j] = keep[i * size + j];
        }
    });
  }
  return {restored(mask, p, w), restored(values, p, w)};
}

}  // namespace bonsai::prune
