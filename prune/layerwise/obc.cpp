#include "prune/layerwise/obc.h"

#include <algorithm>
#include <numeric>

#include "core/cholesky.h"
#include "core/ops.h"
#include "core/parallel.h"
#include "prune/select.h"

namespace bonsai::prune {
namespace {

// One row, its inverse Hessian, and what is left of both. The entries that are left are the first `left`, in any order: whichever goes, the last one
// takes its place. Of the symmetric inverse the lower triangle is kept.
class Row {
 public:
  Row(const double* w, const Tensor& inverse, const Amount& a)
      : left_(inverse.size(0)), stride_(left_), group_(a.pattern ? a.pattern->m : 1), keep_(a.pattern ? a.pattern->n : 0), w_(w, w + left_),
        h_(inverse.to_vector<double>()), column_(left_), index_(left_), in_group_(left_ / group_, group_) {
    std::iota(index_.begin(), index_.end(), 0);
  }

  // The cheapest weight that may go: the lowest index of equals; -1: none.
  std::int64_t cheapest() const {
    std::int64_t best = -1;
    double lowest = 0;
    for (std::int64_t i = 0; i < left_; ++i) {
      if (in_group_[index_[i] / group_] <= keep_) continue;
      const double s = score(i);
      if (best < 0 || s < lowest || (s == lowest && index_[i] < index_[best])) lowest = s, best = i;
    }
    return best;
  }
  double score(std::int64_t i) const { return w_[i] * w_[i] / h_[i * stride_ + i]; }  // (obc.1)
  std::int64_t place(std::int64_t column) const { return std::ranges::find(index_.begin(), index_.begin() + left_, column) - index_.begin(); }

  void remove(std::int64_t q) {
    const double d = h_[q * stride_ + q], step = w_[q] / d;
    for (std::int64_t j = 0; j < left_; ++j) column_[j] = j <= q ? h_[q * stride_ + j] : h_[j * stride_ + q];
    for (std::int64_t i = 0; i < left_; ++i) {
      w_[i] -= step * column_[i];  // (obc.2)
      const double f = column_[i] / d;
      double* row = h_.data() + i * stride_;
      for (std::int64_t j = 0; j <= i; ++j) row[j] -= f * column_[j];  // (obc.3)
    }
    --in_group_[index_[q] / group_];
    const std::int64_t last = --left_;
    if (q == last) return;
    w_[q] = w_[last], index_[q] = index_[last];
    const double* from = h_.data() + last * stride_;
    std::copy(from, from + q, h_.data() + q * stride_);
    for (std::int64_t i = q + 1; i < last; ++i) h_[i * stride_ + q] = from[i];
    h_[q * stride_ + q] = from[last];
  }

  void write(double* w, std::uint8_t* kept) const {
    std::fill_n(w, stride_, 0);
    std::fill_n(kept, stride_, 0);
    for (std::int64_t i = 0; i < left_; ++i) w[index_[i]] = w_[i], kept[index_[i]] = 1;
  }

 private:
  std::int64_t left_, stride_, group_, keep_;
  std::vector<double> w_, h_, column_;
  std::vector<std::int64_t> index_, in_group_;
};

// How many more of each row go: `total` together, in each step of the row whose next loss is the lowest (the first of equals).
std::vector<std::int64_t> share(const std::vector<std::vector<double>>& losses, std::int64_t total) {
  std::vector<std::int64_t> taken(losses.size());
  auto later = [&](std::size_t a, std::size_t b) {
    const double x = losses[a][taken[a]], y = losses[b][taken[b]];
    return x > y || (x == y && a > b);
  };
  std::vector<std::size_t> heap;
  for (std::size_t i = 0; i < losses.size(); ++i)
    if (!losses[i].empty()) heap.push_back(i);
  std::ranges::make_heap(heap, later);
  for (; total > 0 && !heap.empty(); --total) {
    std::ranges::pop_heap(heap, later);
    const std::size_t row = heap.back();
    heap.pop_back();
    if (++taken[row] == static_cast<std::int64_t>(losses[row].size())) continue;
    heap.push_back(row);
    std::ranges::push_heap(heap, later);
  }
  return taken;
}

}  // namespace

Compensated obc(const std::string& name, const Tensor& w, const Tensor& h, const Amount& a, const ObcOptions& o) {
  NoGrad off;
  count(a.sparsity, 1, "obc");
  const LayerProblem p = layer_problem("obc", name, w, h, a, o.mask);
  const std::int64_t rows = p.w.size(0), n = p.w.size(1);
  const auto c = cholesky(damped(h, p.order, o.damping));
  require(c.has_value(), "obc: the second moments of the inputs of \"{}\" have no inverse at damping {}; damp more (0.01 is usual), or calibrate with more data", name,
          o.damping);
  const Tensor inverse = matmul(c->inverse, c->inverse, {.a = true});
  const double* from = p.w.data<double>().data();
  const std::uint8_t* given = p.kept.data<std::uint8_t>().data();

  // Row i with what was pruned before taken out.
  auto begin = [&](std::int64_t i, std::int64_t& gone) {
    Row row(from + i * n, inverse, a);
    gone = 0;
    for (std::int64_t j = 0; j < n; ++j)
      if (!given[i * n + j]) row.remove(row.place(j)), ++gone;
    return row;
  };
  std::vector<std::int64_t> steps(rows, n);  // under N:M until no group can spare one
  if (!a.pattern && o.per_row) {
    for (std::int64_t i = 0; i < rows; ++i)
      steps[i] = std::max<std::int64_t>(0, count(a.sparsity, n) - std::count(given + i * n, given + (i + 1) * n, std::uint8_t{0}));
  } else if (!a.pattern) {
    std::vector<std::vector<double>> losses(rows);
    parallel_for(rows, [&](std::int64_t i) {
      std::int64_t gone = 0;
      Row row = begin(i, gone);
      for (std::int64_t k = gone; k < n; ++k) {
        const std::int64_t q = row.cheapest();
        losses[i].push_back(row.score(q));
        row.remove(q);
      }
    });
    steps = share(losses, count(a.sparsity, rows * n) - std::count(given, given + rows * n, std::uint8_t{0}));
  }

  Tensor values = empty({rows, n}, DType::f64), mask = empty({rows, n}, DType::u8);
  double* to = values.mutable_data<double>().data();
  std::uint8_t* kept = mask.mutable_data<std::uint8_t>().data();
  parallel_for(rows, [&](std::int64_t i) {
    std::int64_t gone = 0;
    Row row = begin(i, gone);
    for (std::int64_t k = 0, q; k < steps[i] && (q = row.cheapest()) >= 0; ++k) row.remove(q);
    row.write(to + i * n, kept + i * n);
  });
  return {restored(mask, p, w), restored(values, p, w)};
}

}  // namespace bonsai::prune
